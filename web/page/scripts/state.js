// The one object that holds what is looked at, by what model and view, and what is known of it. Parts of the page read it
// when they draw, and change it by `change` alone; then all that asked for it by `onChange` draw anew.

import { query } from "./address.js";

export const state = {
  asked: query(), // what the address says, as texts: sample, model, view, lang, k, min, mode, with, withview
  language: document.getElementById("page").lang, // the code of the page's words
  offer: JSON.parse(document.getElementById("page-offer").textContent), // the server's models and limits; null at first
  picture: null, // see `look.js`
  phase: "empty", // of the picture: "empty", "busy", "result" or "error"
  answer: null, // in the phase "result", see web/page/answer.py
  problem: null, // in the phase "error": { texts, again }
  waiting: "", // in the phase "busy", the key of the words for what is waited for
  news: null, // gives what a screen reader is told instead of the answer: a text, or a text and its language
  connected: true, // whether Streamlit's connection stands
};

const listeners = [];

export const onChange = (listener) => listeners.push(listener);

export const change = (values) => {
  Object.assign(state, values);
  for (const listener of listeners) listener(values);
};

// What holds now, by the address and, where that names nothing that there is, by what is usual.

export const offers = (part) => Boolean(state.offer?.parts?.includes(part));

const MODES = ["many", "live"];
// What the page is for at the moment: "" is one picture's answer.
export const mode = () => (MODES.includes(state.asked.mode) && offers(state.asked.mode) ? state.asked.mode : "");

const whole = (text, least, most) => (/^\d{1,3}$/.test(text ?? "") && +text >= least && +text <= most ? +text : null);
export const VIEWS = ["crop", "whole", "both"];

// The name of a model that there is; "" if there is none.
const named = (name) => {
  const { models = {}, aliases = {} } = state.offer ?? {};
  if (Object.hasOwn(models, name)) return name;
  return Object.hasOwn(aliases, name) ? aliases[name] : "";
};
export const model = () => {
  if (!state.offer) return state.asked.model ?? "";
  return named(state.asked.model) || (state.offer.default ?? "");
};
export const view = () => (VIEWS.includes(state.asked.view) ? state.asked.view : state.offer?.view ?? "");
// The model and view that the answer is compared with, if it is compared.
export const other = () => {
  const found = offers("compare") && named(state.asked.with);
  return found ? { model: found, view: VIEWS.includes(state.asked.withview) ? state.asked.withview : view() } : null;
};
export const about = () => state.offer?.models?.[model()];
export const most = () => about()?.most ?? 10;
export const usual = () => about()?.usual ?? 5;
export const shown = () => whole(state.asked.k, 1, most()) ?? usual();
export const minimum = () => whole(state.asked.min, 0, 95) ?? 0;
