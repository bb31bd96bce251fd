// The camera's picture, classified again and again: always the newest frame, and never more than one on its way. Bars follow
// slowly, so that they can be read; what they say is announced only when it stays.

import { bar, fill, spoken } from "./answer.js";
import { ask, lookAtFile } from "./look.js";
import { classify, pause, Refused } from "./request.js";
import { about, change, minimum, mode, model, shown, state, view } from "./state.js";
import { camera, end, jpeg, photo } from "./video.js";
import { inLanguage, t } from "./words.js";

const ROOM = 1.15; // pixels of a frame's shorter side to those of the model's input: it sees most of that side, not all
const LEAST = 100; // milliseconds from one frame to the next
const FOLLOW = 400; // milliseconds in which bars come two thirds closer to the newest answer
const STEADY = 1_200; // milliseconds for which an answer must stay before it is said
const CALM = 4_000; // milliseconds between two announcements
const IDLE = 300_000; // milliseconds without a touch or key, after which nobody seems to be there
const AGAIN = 1_000; // milliseconds until a server that did not answer is asked again
const RECENT = 12; // answers whose pace is shown

const element = (id) => document.getElementById(id);
const video = () => element("live-video");

let on = null; // what runs: the way to stop it
let cameras = [];
let chosen = ""; // the id of the camera that the visitor switched to
let problem = ""; // the key of why there is no camera
let idle = false;
let touched = 0;
let known = new Map(); // by class: its score as shown, and its labels
let sure = 0; // the same for whether the answer is sure
let lastAnswer = null;
let paces = [];
let steady = { index: -1, since: 0 };
let said = { index: -1, at: 0 };

// --- The camera ---

const WHY = { NotAllowedError: "camera_forbidden", SecurityError: "camera_forbidden", NotFoundError: "camera_none", OverconstrainedError: "camera_none" };
const why = (error) => (isSecureContext && navigator.mediaDevices ? WHY[error.name] ?? "camera_taken" : "camera_insecure");

// A front camera shows oneself, as a mirror does; a camera that does not say where it is, is above the screen of a laptop.
const facesVisitor = (stream) => {
  const facing = stream.getVideoTracks()[0].getSettings().facingMode;
  return facing ? facing === "user" : !matchMedia("(pointer: coarse)").matches;
};

const connect = async (mine) => {
  const stream = await camera(chosen ? { deviceId: { exact: chosen } } : { facingMode: "environment" });
  if (mine.signal.aborted) {
    end(stream);
    return false;
  }
  stream.getVideoTracks()[0].addEventListener("ended", () => { if (on === mine) fail("camera_taken"); });
  video().srcObject = stream;
  video().classList.toggle("mirrored", facesVisitor(stream));
  cameras = (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput");
  return true;
};

const begin = async () => {
  stop();
  const controller = new AbortController();
  const mine = (on = { controller, signal: controller.signal });
  [problem, idle, touched] = ["", false, performance.now()];
  drawState();
  try {
    if (!(await connect(mine))) return;
    drawState();
    await follow(mine);
  } catch (error) {
    if (!mine.signal.aborted) fail(why(error));
  }
};

const fail = (key) => {
  stop();
  [problem, chosen] = [key, ""];
  drawState();
};

// The camera is off as soon as nothing of it is looked at.
const stop = () => {
  on?.controller.abort();
  on = null;
  end(video()?.srcObject);
  if (video()) video().srcObject = null;
  [known, sure, lastAnswer, paces, steady] = [new Map(), 0, null, [], { index: -1, since: 0 }];
};

// --- Frames and answers ---

// Where the camera gives none for a while, the last one serves.
const newFrame = (signal) => Promise.race([
  new Promise((resolve) => { video().requestVideoFrameCallback?.(resolve); }),
  pause(3 * LEAST, signal),
]);

const follow = async (mine) => {
  const { signal } = mine;
  for (let begun = -LEAST; on === mine; ) {
    await Promise.all([newFrame(signal), pause(Math.max(0, begun + LEAST - performance.now()), signal)]);
    begun = performance.now();
    if (!video().videoWidth) continue;
    const look = { model: model(), view: view() };
    const file = await jpeg(video(), Math.round(ROOM * Math.min(...(about()?.input ?? [260, 260]))), 0.9);
    if (!file) continue;
    try {
      const answer = await classify({ file }, { ...look, part: "live" }, signal, () => {}, 0);
      // What another model or view saw belongs to no bar of this one.
      if (look.model === model() && look.view === view()) take(answer, look);
    } catch (refused) {
      if (!(refused instanceof Refused)) throw refused;
      note(refused);
      await pause(refused.seconds ? refused.seconds * 1000 : AGAIN, signal);
    }
    if (performance.now() - touched > IDLE) {
      stop();
      idle = true;
      drawState();
    }
  }
};

const note = (refused) => {
  const texts = inLanguage(refused.texts);
  element("live-note").textContent = refused.seconds ? t("busy") : texts || t(refused.key || "unsent");
};

// Exponential smoothing: a class that is not among the answer's best has nearly no score.
const take = (answer, look) => {
  const now = performance.now();
  const kept = lastAnswer && lastAnswer.look.model === look.model && lastAnswer.look.view === look.view;
  const share = kept ? 1 - Math.exp((lastAnswer.at - now) / FOLLOW) : 1;
  if (!kept) known = new Map();
  for (const one of known.values()) one.score *= 1 - share;
  answer.result.predictions.forEach(({ index, score }, rank) => {
    const labels = Object.fromEntries(Object.entries(answer.words).map(([code, { labels, lang }]) => [code, { label: labels[rank], lang }]));
    known.set(index, { index, labels, score: (known.get(index)?.score ?? 0) + share * score });
  });
  for (const [index, { score }] of known) if (score < 1e-4) known.delete(index);
  sure += share * (answer.result.sure - sure);
  lastAnswer = { look, at: now };
  paces = [...paces, now].slice(-RECENT);
  drawBars(now);
};

// --- Drawing ---

const percent = (score) => (score > 0 && score < 0.001 ? "<0.1%" : `${(score * 100).toFixed(1)}%`);

const drawBars = (now) => {
  const some = [...known.values()].sort((one, other) => other.score - one.score).slice(0, shown())
    .filter(({ score }) => score >= minimum() / 100);
  const bars = element("live-bars");
  const isSure = sure > 0.5;
  bars.className = `bars ${isSure ? "sure" : "unsure"}`;
  some.forEach(({ labels, score }, rank) => {
    const { label, lang } = inLanguage(labels);
    const one = { label, score, percent: percent(score) };
    if (bars.children[rank]) fill(bars.children[rank], one, isSure && !rank, lang);
    else bars.append(bar(one, isSure && !rank, lang));
  });
  while (bars.children.length > some.length) bars.lastChild.remove();
  const pace = paces.length > 2 ? (1000 * (paces.length - 1)) / (now - paces[0]) : 0;
  element("live-note").textContent = pace ? t("live_rate", { count: pace < 10 ? pace.toFixed(1) : Math.round(pace) }) : "";
  if (some.length) announce(some[0], isSure, now);
};

const announce = ({ index, labels, score }, isSure, now) => {
  if (steady.index !== index) steady = { index, since: now };
  if (index === said.index || now - steady.since < STEADY || now - said.at < CALM) return;
  said = { index, at: now };
  const { label, lang } = inLanguage(labels);
  change({ news: () => [spoken(label, lang, percent(score), isSure), lang] });
};

const drawState = () => {
  const running = Boolean(on);
  element("live-start").hidden = running;
  for (const id of ["live-shoot", "live-pause"]) element(id).hidden = !running;
  element("live-switch").hidden = !running || cameras.length < 2;
  element("live-view").hidden = !running;
  element("live-problem").hidden = !problem;
  element("live-problem").textContent = problem ? t(problem) : "";
  if (!running) element("live-note").textContent = idle ? t("live_idle") : "";
  if (!running) element("live-bars").replaceChildren();
};

const showing = () => mode() === "live" && document.visibilityState === "visible";

export const draw = () => {
  if (on && mode() !== "live") stop();
  if (mode() !== "live") [problem, idle] = ["", false];
  drawState();
};

// --- What the visitor does ---

const shoot = async () => {
  if (!video().videoWidth) return;
  const taken = await photo(video());
  stop();
  lookAtFile(taken, "camera");
  element("choose").focus({ preventScroll: true });
};

const other = () => {
  const now = video().srcObject?.getVideoTracks()[0].getSettings().deviceId;
  const at = cameras.findIndex(({ deviceId }) => deviceId === now);
  chosen = cameras[(at + 1) % cameras.length].deviceId;
  begin();
};

export const start = () => {
  element("live-start").addEventListener("click", () => { begin(); element("live-pause").focus(); });
  element("live-pause").addEventListener("click", () => { stop(); drawState(); element("live-start").focus(); });
  element("live-shoot").addEventListener("click", shoot);
  element("live-switch").addEventListener("click", other);
  for (const event of ["pointerdown", "keydown"]) document.addEventListener(event, () => { touched = performance.now(); });
  let away = false;
  document.addEventListener("visibilitychange", () => {
    if (showing() && away) begin();
    else if (on && !showing()) stop();
    else return;
    away = !on;
    drawState();
  });
};

// Only a click opens the camera: an address that somebody sent does not.
export const open = () => {
  if (mode() !== "live") ask({ mode: "live" });
  begin();
  element("live-pause").focus({ preventScroll: true });
};
