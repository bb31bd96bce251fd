// Brings the page to life: starts its parts, and has them drawn when the state changes.

import * as answer from "./answer.js";
import * as camera from "./camera.js";
import * as downloads from "./downloads.js";
import * as later from "./later.js";
import { restore } from "./look.js";
import * as picker from "./picker.js";
import * as picture from "./picture.js";
import * as samples from "./samples.js";
import * as settings from "./settings.js";
import * as streamlit from "./streamlit.js";
import { about, change, onChange, state } from "./state.js";
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
  for (const part of [picker, camera, picture, answer, samples, settings, later]) part.draw(changed);
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
streamlit.start();
page.toggleAttribute("data-ready", true);
