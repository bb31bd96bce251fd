// Brings the page to life: starts its parts, and has them drawn when the state changes.

import * as answer from "./answer.js";
import * as camera from "./camera.js";
import * as downloads from "./downloads.js";
import * as install from "./install.js";
import * as later from "./later.js";
import { restore } from "./look.js";
import * as picker from "./picker.js";
import * as picture from "./picture.js";
import * as samples from "./samples.js";
import * as settings from "./settings.js";
import * as streamlit from "./streamlit.js";
import { about, change, offers, onChange, state } from "./state.js";
import * as storage from "./storage.js";
import { inLanguage, languages, t, translate } from "./words.js";

const page = document.getElementById("page");
const usual = Object.keys(languages).find((code) => languages[code].html === document.documentElement.lang) ?? "en";

const chosenLanguage = () => (Object.hasOwn(languages, state.asked.lang) ? state.asked.lang : usual);

const drawWords = () => {
  document.getElementById("knows-what").textContent = about() ? inLanguage(about().intro) : t("intro_unknown");
  document.getElementById("knows").textContent = about() ? inLanguage(about().knows) : "";
  const problem = document.getElementById("server-problem");
  problem.hidden = !state.offer?.problem;
  problem.textContent = inLanguage(state.offer?.problem);
  document.getElementById("connection").hidden = state.connected;
};

// A picture further down the page is answered further up.
const showAnswer = () => {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  if (scrollY > 0) scrollTo({ top: 0, behavior: calm ? "instant" : "smooth" });
};

// What this browser was asked to keep it goes on keeping; where the server does not offer that any more, it is forgotten.
let resumed = false;
const resume = () => {
  if (resumed || !state.offer?.parts) return;
  resumed = true;
  if (!offers("recent")) storage.forget();
  else if (storage.on()) later.wake("recent");
};

const draw = (changed) => {
  if (state.language !== chosenLanguage()) {
    state.language = chosenLanguage();
    translate();
    document.querySelector("#credits ul").replaceChildren(...picture.credits());
  }
  if ("picture" in changed) {
    camera.pictureChosen();
    if (changed.picture) showAnswer();
  }
  drawWords();
  for (const part of [picker, camera, picture, answer, samples, settings, install, later]) part.draw(changed);
  resume();
};

state.language = usual;
translate();
document.querySelector("#credits ul").replaceChildren(...picture.credits());
for (const part of [picker, camera, picture, answer, samples, settings, downloads, later]) part.start();
onChange(draw);
addEventListener("popstate", ({ state: step }) => restore(step?.picture));
const { dataset } = document.documentElement;
new MutationObserver(() => change({ connected: dataset.connection !== "lost" }))
  .observe(document.documentElement, { attributes: true, attributeFilter: ["data-connection"] });
restore(history.state?.picture);
install.start();
streamlit.start();
page.toggleAttribute("data-ready", true);
