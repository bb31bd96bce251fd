// Why this answer: a heat map over the picture of what speaks for a class, which is chosen by its bar.

import { part } from "./answer.js";
import { heat, legend } from "./heat.js";
import { inTurn, run } from "./look.js";
import { cut, original } from "./original.js";
import { explain, Refused } from "./request.js";
import * as saving from "./saving.js";
import { change, model, state, view } from "./state.js";
import { inLanguage, t } from "./words.js";

const element = (id) => document.getElementById(id);
const KEPT = 8; // pictures, models and views whose maps are kept, so that they come back at once
const WORDS = { cam: "why_cam", "grad-cam": "why_grad", occlusion: "why_occlusion" };
const nothing = { done: null, problem: null, waiting: "" };

const found = new Map();
let on = ""; // the key of the picture about which is asked
let wanted = ""; // what `asking` is about: picture, model and view
let asking = nothing;
let running = new AbortController();
let chosen = null; // the index of a class
let drawn = ""; // what is on the canvas

const maps = () => found.get(wanted);

// --- The server's answer ---

const ask = async (key) => {
  const { picture, answer } = state;
  const { signal } = (running = new AbortController());
  const put = (values) => {
    if (signal.aborted) return;
    asking = { ...nothing, ...values };
    change({});
  };
  try {
    const look = { model: model(), view: view() };
    const progress = (done) => put({ done });
    const answered = await inTurn(signal, () => explain(picture, look, signal, (waiting) => put({ waiting }), progress));
    if (signal.aborted) return;
    // Maps of another version of the model would stand beside an answer that is not its own.
    if (answered.offered !== answer.offered) throw new Refused(null, "why_changed", true);
    found.set(key, answered);
    while (found.size > KEPT) found.delete(found.keys().next().value);
    asking = nothing;
    choose();
    change({ news: words });
  } catch (problem) {
    if (signal.aborted) return;
    if (!(problem instanceof Refused)) throw problem;
    put({ problem });
  }
};

// Asked for once the answer is there: a visitor has one picture at a time with the server.
const update = () => {
  if (on !== state.picture?.key) [on, chosen] = ["", null];
  const about = () => [on, model(), view(), state.answer.offered].join();
  const key = on && state.phase === "result" ? about() : "";
  if (key === wanted) return;
  wanted = key;
  running.abort();
  asking = nothing;
  if (key && !maps()) ask(key);
};

// --- What is seen ---

const label = (index) => part().find((one) => one.index === index)?.label ?? "";

// The class chosen, or the likeliest one of those that are shown.
const choose = () => {
  const shown = state.answer ? part() : [];
  if (!shown.some(({ index }) => index === chosen)) chosen = shown[0]?.index ?? null;
};

const words = () => {
  const { method, maps: grids } = maps() ?? {};
  if (!method || chosen === null) return "";
  const speaks = grids[chosen].some((row) => row.some((value) => value > 0));
  return t(speaks ? WORDS[method] : "why_nothing", { label: label(chosen) });
};

// While there are maps, a bar is the choice of its class.
const drawBars = () => {
  const shown = part();
  [...document.querySelectorAll("#bars .bar")].forEach((row, rank) => {
    const name = row.querySelector(".label");
    const { index } = shown[rank];
    if (!name.querySelector("input")) {
      const choice = document.createElement("label");
      const radio = Object.assign(document.createElement("input"), { type: "radio", name: "why", value: index });
      const text = Object.assign(document.createElement("span"), { textContent: name.textContent });
      choice.append(radio, text);
      name.replaceChildren(choice);
    }
    name.querySelector("input").checked = index === chosen;
  });
};

const plainBars = () => {
  for (const choice of document.querySelectorAll("#bars .label > label")) choice.replaceWith(choice.textContent);
};

const drawMap = () => {
  const { box, maps: grids } = maps();
  const { width, height } = state.answer.result;
  const [left, top, right, bottom] = box;
  const canvas = element("why-map");
  const now = `${wanted} ${chosen}`;
  if (drawn !== now) {
    const made = heat(grids[chosen], box);
    [canvas.width, canvas.height] = [made.width, made.height];
    canvas.getContext("2d").drawImage(made, 0, 0);
    drawn = now;
  }
  const share = (one, all) => `${(100 * one) / all}%`;
  Object.assign(canvas.style, {
    left: share(left, width), top: share(top, height), width: share(right - left, width), height: share(bottom - top, height),
    opacity: element("why-opacity").value / 100,
  });
};

const drawPanel = (ready) => {
  const { done, problem, waiting } = asking;
  element("why-tools").hidden = !ready;
  element("why-words").hidden = !ready;
  element("why-choose").hidden = !ready;
  element("why-words").textContent = ready ? words() : "";
  element("why-busy").hidden = Boolean(maps() || problem) || !wanted;
  element("why-waiting").textContent = waiting ? t(waiting) : t(done === null ? "looking" : "why_covering");
  element("why-progress").hidden = done === null;
  element("why-progress").value = done ?? 0;
  element("why-error").hidden = !problem;
  element("why-problem").textContent = problem ? inLanguage(problem.texts) || t(problem.key || "unsent") : "";
  element("why-retry").hidden = !problem?.again;
  const opacity = `${element("why-opacity").value}%`;
  element("why-opacity").setAttribute("aria-valuetext", opacity);
  element("why-percent").textContent = opacity;
};

export const draw = () => {
  update();
  element("why-open").ariaPressed = String(Boolean(on));
  element("why").hidden = !on;
  if (on) choose();
  const ready = Boolean(maps() && chosen !== null);
  element("why-map").hidden = !ready;
  if (ready) {
    drawBars();
    drawMap();
  } else plainBars();
  if (on) drawPanel(ready);
};

// --- What the visitor does ---

const off = () => {
  on = "";
  change({ news: null });
};

const retry = () => {
  const changed = asking.problem.key === "why_changed";
  element("why-open").focus({ preventScroll: true });
  wanted = "";
  if (changed) run(true);
  else change({});
};

const save = async () => {
  const { picture, answer } = state;
  const { box, maps: grids } = maps();
  const map = heat(grids[chosen], box);
  element("why-unsaved").hidden = true;
  try {
    const canvas = cut(await original(picture));
    const [across, down] = [canvas.width / answer.result.width, canvas.height / answer.result.height];
    const [left, top, right, bottom] = box;
    const context = canvas.getContext("2d");
    context.globalAlpha = element("why-opacity").value / 100;
    context.drawImage(map, left * across, top * down, (right - left) * across, (bottom - top) * down);
    const file = await new Promise((then) => canvas.toBlob(then, "image/png"));
    if (!file) throw new Error("the canvas gives no file");
    saving.save(file, `${t("why_name", { name: saving.stemOf(picture.name) })}.png`, "image/png");
  } catch {
    element("why-unsaved").hidden = false;
  }
};

export const open = () => {
  if (on) {
    off();
    return;
  }
  on = state.picture?.key ?? "";
  change({});
  if (maps()) change({ news: words }); // they are there at once
};

export const start = () => {
  element("frame").append(element("why-map"));
  element("why-scale").style.background = legend();
  element("bars").addEventListener("change", ({ target }) => {
    chosen = Number(target.value);
    change({ news: words });
  });
  element("why-opacity").addEventListener("input", () => change({}));
  element("why-save").addEventListener("click", save);
  element("why-retry").addEventListener("click", retry);
  element("why-cancel").addEventListener("click", () => {
    off();
    element("why-open").focus({ preventScroll: true });
  });
};
