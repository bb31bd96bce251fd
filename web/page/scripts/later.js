// Parts of the page that most visits do without. A button names one in `data-opens`: its script, its words and its elements
// (`parts/NAME.html`, put into the element of its name) are fetched when it is opened for the first time.
//
// Such a module has `start`, called once; `open`, called with the button, or with what another part opens it for; and, if it
// draws from the state, `draw`.

import { ask } from "./look.js";
import { change, mode, offers, other, state } from "./state.js";
import { learn, parts, t, translate } from "./words.js";

const page = document.getElementById("page");
const ready = new Map();
const coming = new Map();
let words = null;

const elements = async (name) => {
  if (!Object.hasOwn(parts, name)) return null;
  const answer = await fetch(parts[name]);
  if (!answer.ok) throw new Error(`${name}: ${answer.status}`);
  return answer.text();
};

const fetched = async (name) => {
  words ??= learn();
  const [module, html] = await Promise.all([import(`./${name}.js`), elements(name), words]);
  // Nothing is there to be used before what answers to it.
  if (html !== null) document.getElementById(name).innerHTML = html;
  translate();
  module.start();
  ready.set(name, module);
  return module;
};

// The module of a part; null if it cannot be fetched, which the visitor is told.
const part = async (name) => {
  if (!coming.has(name)) coming.set(name, fetched(name));
  try {
    const module = await coming.get(name);
    if (state.missing) change({ missing: "" });
    return module;
  } catch {
    coming.delete(name);
    words = null;
    change({ missing: name });
    return null;
  }
};

export const open = async (name, what) => (await part(name))?.open(what);

// Back to one picture, and to a button by which the mode was opened.
const leave = () => {
  const from = mode();
  ask({ mode: "" });
  [...page.querySelectorAll(`[data-opens=${from}]`)].find((button) => button.checkVisibility())?.focus();
};

// A part that goes on, from an earlier visit, before it is opened.
export { part as wake };

export const start = () => {
  document.getElementById("back").addEventListener("click", leave);
  for (const button of page.querySelectorAll("[data-opens]")) {
    button.addEventListener("click", () => open(button.dataset.opens, button));
  }
};

// What the address names is drawn as soon as its part is there; it is asked for again only by another step.
const named = () => [mode(), other() ? "compare" : ""].filter(Boolean);
let wanted = [];
export const draw = (changed) => {
  for (const element of page.querySelectorAll("[data-part]")) element.hidden = !offers(element.dataset.part);
  for (const section of page.querySelectorAll("section.mode")) section.hidden = section.id !== mode();
  page.dataset.mode = mode();
  document.getElementById("back-row").hidden = !mode();
  const problem = document.getElementById("part-problem");
  problem.hidden = !state.missing;
  problem.textContent = state.missing ? t("part_problem") : "";
  for (const module of ready.values()) module.draw?.(changed);
  const further = named().filter((name) => !wanted.includes(name));
  wanted = named();
  for (const name of further) part(name).then((module) => module?.draw?.({}));
};
