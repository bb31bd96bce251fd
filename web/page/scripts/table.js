// The table of a batch: a line for each row, sorted and filtered as the visitor asks, with the whole result of one below its
// line. Lines out of sight cost nothing, since the browser does not lay them out.

import { bar, make } from "./answer.js";
import { rows } from "./batch.js";
import { lookAtFile } from "./look.js";
import { reason } from "./records.js";
import { change, shown, state } from "./state.js";
import * as thumbnails from "./thumbnails.js";
import { inLanguage, t } from "./words.js";

const lines = new Map(); // by row
const rowsOfLines = new WeakMap();
const opened = new Map(); // what stands below the line of a row
const order = { column: "", down: false };
const filter = { text: "", kind: "" };
let body = null;
let current = null; // the row whose line Tab leads to
let stale = false; // whether a row has changed since they were sorted
export const alone = new Set(); // the keys of those pictures of this table that were looked at alone

export const kind = ({ phase, answer }) => {
  if (phase !== "done") return phase;
  return answer.result.sure ? "sure" : "not_sure";
};

const label = (row) => (row.phase === "done" ? inLanguage(row.answer.words).labels[0] : row.phase === "failed" ? reason(row) : "");

// Columns: what a row has in each, to sort by; what has nothing yet comes last.
const SORTED = ["failed", "not_sure", "sure"];
const values = {
  file: (row) => row.path,
  label: (row) => (row.phase === "done" ? label(row) : undefined),
  score: (row) => row.answer?.result.predictions[0].score,
  state: (row) => (SORTED.includes(kind(row)) ? SORTED.indexOf(kind(row)) : undefined),
};

const compared = (one, other) => {
  if (one === other) return 0;
  if (one === undefined) return 1;
  if (other === undefined) return -1;
  const first = typeof one === "string" ? collator.compare(one, other) : one - other;
  return order.down ? -first : first;
};
let collator = new Intl.Collator();

const matches = (row) => {
  if (row.phase === "left" || (filter.kind && filter.kind !== kind(row))) return false;
  return !filter.text || `${row.path}\n${label(row)}`.toLocaleLowerCase().includes(filter.text);
};

const hide = (row) => {
  const hidden = !matches(row);
  lines.get(row).hidden = hidden;
  if (opened.has(row)) opened.get(row).hidden = hidden;
};

const write = (row) => {
  const [picture, name, said, score, state_] = lines.get(row).children;
  const is = kind(row);
  lines.get(row).dataset.kind = is;
  name.textContent = row.path;
  said.textContent = label(row);
  said.lang = row.phase === "done" ? inLanguage(row.answer.words).lang : document.getElementById("page").lang;
  score.textContent = row.answer?.percents[0] ?? "";
  state_.textContent = is === "left" ? "" : t(is === "busy" ? "looking" : is);
  if (row.phase === "done" && !picture.firstChild) thumbnails.show(picture, row);
  hide(row);
};

const cell = (className, attributes = {}) => {
  const made = make("span", className);
  for (const [key, value] of Object.entries({ role: "gridcell", ...attributes })) made.setAttribute(key, value);
  return made;
};

const line = (row) => {
  const made = make("div", "line");
  made.setAttribute("role", "row");
  const name = cell("file", { tabindex: "-1", "aria-expanded": "false" });
  made.append(cell("thumbnail"), name, cell("label"), cell("score"), cell("state"));
  made.addEventListener("click", () => { if (!getSelection().toString()) toggle(row); });
  rowsOfLines.set(made, row);
  return made;
};

const lead = (row) => {
  if (current && lines.has(current)) lines.get(current).children[1].tabIndex = -1;
  current = row;
  if (row) lines.get(row).children[1].tabIndex = 0;
};

const rowOf = (element) => rowsOfLines.get(element.closest(".line"));

const lookAtAlone = (row) => {
  lookAtFile(row.file);
  alone.add(state.picture.key);
  change({});
  document.getElementById("many-back").focus({ preventScroll: true });
};

// From a picture that was looked at alone.
export const comeBack = () => lines.get(current)?.children[1].focus();

const whole = (row) => {
  const made = make("div", "whole");
  made.setAttribute("role", "row");
  const inside = cell("", { "aria-colspan": "5" });
  made.append(inside);
  if (row.phase === "failed") inside.append(make("p", "", reason(row)));
  if (row.phase === "done") {
    const { words, result, percents } = row.answer;
    const { labels, lang, promise, took } = inLanguage(words);
    const bars = make("ol", `bars ${result.sure ? "sure" : "unsure"}`);
    bars.setAttribute("aria-label", t("bars"));
    const some = result.predictions.slice(0, shown());
    bars.append(...some.map(({ score }, rank) => bar({ label: labels[rank], score, percent: percents[rank] }, result.sure && !rank, lang)));
    inside.append(bars);
    for (const text of [promise, took]) if (text) inside.append(make("p", "quiet", text));
  }
  const button = make("button", "", t("many_look"));
  button.addEventListener("click", () => lookAtAlone(row));
  inside.append(button);
  return made;
};

const toggle = (row) => {
  const name = lines.get(row).children[1];
  const is = !opened.has(row) && (row.phase === "done" || row.phase === "failed");
  opened.get(row)?.remove();
  opened.delete(row);
  if (is) {
    opened.set(row, whole(row));
    lines.get(row).after(opened.get(row));
  }
  name.ariaExpanded = String(is);
  lead(row);
};

export const anyShown = () => Boolean(body.querySelector(".line:not([hidden])"));

const STEPS = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10, Home: -Infinity, End: Infinity };
const keyed = (event) => {
  const row = event.target.matches(".file") && rowOf(event.target);
  if (event.key === "Escape") {
    const above = event.target.closest(".whole")?.previousElementSibling ?? event.target;
    const open = rowOf(above);
    if (!open || !opened.has(open)) return;
    toggle(open);
    lines.get(open).children[1].focus();
  } else if (row && ["Enter", " "].includes(event.key)) toggle(row);
  else if (row && event.key in STEPS) {
    const some = [...body.children].filter((one) => one.matches(".line:not([hidden])"));
    const to = some.indexOf(lines.get(row)) + STEPS[event.key];
    const next = rowOf(some[Math.max(0, Math.min(some.length - 1, to))]);
    lead(next);
    lines.get(next).children[1].focus();
  } else return;
  event.preventDefault();
};

const leadSomewhere = () => {
  if (current && !lines.get(current)?.hidden) return;
  lead(rows.find((row) => lines.has(row) && !lines.get(row).hidden) ?? null);
};

export const start = (element) => {
  body = element;
  body.addEventListener("keydown", keyed);
};

export const add = (fresh) => {
  for (const row of fresh) {
    lines.set(row, line(row));
    write(row);
  }
  body.append(...fresh.map((row) => lines.get(row)));
  leadSomewhere();
};

export const update = (row) => {
  if (!lines.has(row)) return;
  stale = true;
  write(row);
  if (opened.has(row)) toggle(row); // what is below tells of what was before
  leadSomewhere();
};

// Everything anew, such as in another language.
export const redraw = () => {
  for (const row of rows) if (lines.has(row)) write(row);
  for (const row of [...opened.keys()]) {
    const made = whole(row);
    made.hidden = opened.get(row).hidden;
    opened.get(row).replaceWith(made);
    opened.set(row, made);
  }
};

export const sort = (column = order.column) => {
  if (column && column !== order.column) Object.assign(order, { column, down: column === "score" });
  collator = new Intl.Collator(state.language, { numeric: true });
  const sorted = rows.filter((row) => lines.has(row));
  if (order.column) {
    const of = new Map(sorted.map((row) => [row, values[order.column](row)]));
    sorted.sort((one, other) => compared(of.get(one), of.get(other)));
  }
  const focused = body.contains(document.activeElement) ? document.activeElement : null;
  body.append(...sorted.flatMap((row) => (opened.has(row) ? [lines.get(row), opened.get(row)] : [lines.get(row)])));
  focused?.focus({ preventScroll: true });
  stale = false;
  return order;
};

// Sorts once more if that is due: not while results come, or lines would move under the visitor's hand.
export const settle = () => { if (stale && order.column) sort(); };

// A click on a column: from its usual direction to the other.
export const sortBy = (column) => {
  if (column === order.column) order.down = !order.down;
  return sort(column);
};

export const narrow = (values_) => {
  Object.assign(filter, values_, values_.text === undefined ? {} : { text: values_.text.trim().toLocaleLowerCase() });
  for (const row of rows) if (lines.has(row)) hide(row);
  leadSomewhere();
};

export const clear = () => {
  lines.clear();
  opened.clear();
  Object.assign(order, { column: "", down: false });
  lead(null);
  body.replaceChildren();
};
