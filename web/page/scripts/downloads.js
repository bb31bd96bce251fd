// The result as a file: JSON as the API answers it, CSV for spreadsheets; what is shown is what they hold.

import { part } from "./answer.js";
import { menu } from "./menu.js";
import { csv, save, stemOf } from "./saving.js";
import { state } from "./state.js";
import { inLanguage } from "./words.js";

const table = () => {
  const { sure } = state.answer.result;
  const rows = part().map(({ label, index, score }, rank) => [rank + 1, label, index, score.toFixed(6), sure]);
  return csv([["rank", "label", "index", "score", "sure"], ...rows]);
};

const json = () => {
  const predictions = part().map(({ label, score, index }) => ({ label, score, index }));
  const { set } = state.answer.result;
  const labels = inLanguage(state.answer.words).set;
  const named = set && { ...set, predictions: set.predictions.map((one, rank) => ({ ...one, label: labels[rank] })) };
  return JSON.stringify({ ...state.answer.result, predictions, set: named }, null, 2);
};

const name = () => stemOf(state.picture.name) || "picture";

export const start = () => {
  const element = (id) => document.getElementById(id);
  menu(element("download"), element("downloads"), { closesOutside: true });
  element("download-json").addEventListener("click", () => save(json(), `${name()}.json`, "application/json"));
  element("download-csv").addEventListener("click", () => save(table(), `${name()}.csv`, "text/csv"));
};
