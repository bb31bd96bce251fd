// The settings: model, what it sees, number of classes, smallest score; and the page's language.

import { replace } from "./address.js";
import { ask, run } from "./look.js";
import { menu } from "./menu.js";
import { change, minimum, model, most, shown, state, view } from "./state.js";

const element = (id) => document.getElementById(id);
const models = element("model");
const views = document.querySelectorAll("input[name=view]");

const slider = (id, name) => {
  // Each step is drawn at once; the address gets the last one, since browsers bound how often it changes.
  element(id).addEventListener("input", ({ target }) => change({ asked: { ...state.asked, [name]: target.value } }));
  element(id).addEventListener("change", () => replace(state.asked));
};

export const start = () => {
  menu(element("settings-open"), element("settings"));
  models.addEventListener("change", () => { ask({ model: models.value }); run(); });
  for (const one of views) one.addEventListener("change", () => { ask({ view: one.value }); run(); });
  slider("k", "k");
  slider("min", "min");
  for (const button of document.querySelectorAll("#languages button")) {
    button.addEventListener("click", () => ask({ lang: button.dataset.lang }));
  }
};

export const draw = () => {
  const offered = Object.entries(state.offer?.models ?? {});
  if (offered.map(([name]) => name).join() !== [...models.options].map(({ value }) => value).join()) {
    models.replaceChildren(...offered.map(([name, { title }]) => new Option(title, name)));
  }
  models.value = model();
  for (const one of views) one.checked = one.value === view();
  element("k").max = most();
  element("k").value = shown();
  element("k-value").value = shown();
  element("min").value = minimum();
  element("min").setAttribute("aria-valuetext", `${minimum()}%`);
  element("min-value").value = `${minimum()}%`;
};
