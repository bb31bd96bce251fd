// The result as a file: JSON as the API answers it, CSV for spreadsheets; what is shown is what they hold.

import { part } from "./answer.js";
import { menu } from "./menu.js";
import { state } from "./state.js";
import { inLanguage } from "./words.js";

// As `csv_line` in classifier/formatting.py: no spreadsheet may see a formula in a label.
const FORMULA = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;
const cell = (text) => {
  const safe = FORMULA.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

const csv = () => {
  const { sure } = state.answer.result;
  const rows = part().map(({ label, index, score }, rank) => [rank + 1, cell(label), index, score.toFixed(6), sure]);
  // With the byte order mark by which Excel recognises UTF-8.
  return `\ufeff${[["rank", "label", "index", "score", "sure"], ...rows].map((row) => `${row.join()}\r\n`).join("")}`;
};

const json = () => {
  const predictions = part().map(({ label, score, index }) => ({ label, score, index }));
  const { set } = state.answer.result;
  const labels = inLanguage(state.answer.words).set;
  const named = set && { ...set, predictions: set.predictions.map((one, rank) => ({ ...one, label: labels[rank] })) };
  return JSON.stringify({ ...state.answer.result, predictions, set: named }, null, 2);
};

const save = (content, ending, type) => {
  const link = document.createElement("a");
  const stem = state.picture.name.replace(/\.[^.]*$/, "") || "picture";
  Object.assign(link, { href: URL.createObjectURL(new Blob([content], { type })), download: `${stem}.${ending}` });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
};

export const start = () => {
  const element = (id) => document.getElementById(id);
  menu(element("download"), element("downloads"), { closesOutside: true });
  element("download-json").addEventListener("click", () => save(json(), "json", "application/json"));
  element("download-csv").addEventListener("click", () => save(csv(), "csv", "text/csv"));
};
