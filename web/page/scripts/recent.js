// The recent results of this browser, if the visitor wants them kept: a sample's entry looks at it again, that of another picture,
// which is not kept, shows what was said of it.

import { make } from "./answer.js";
import { say } from "./copy.js";
import { lookAtSample } from "./look.js";
import { panel } from "./menu.js";
import { model, state, view } from "./state.js";
import { entries, forget, on, onOthers, save } from "./storage.js";
import { inLanguage, languages, sampleTitle, samples, t } from "./words.js";

const SIDE = 96; // pixels of a thumbnail
const NAMED = 5; // classes of an answer that are kept
const VISIT = `${Date.now()}-${Math.random()}`; // a key of a picture is its own in one visit
const element = (id) => document.getElementById(id);
let show = () => {};
let unfolded = ""; // the entry that shows all that was said

const keep = (results) => {
  const kept = save(results);
  if (kept) return;
  if (kept === null) forget();
  say(element("recent-said"), t(kept === null ? "recent_unable" : "recent_full"), true);
};

// The picture as it is shown, small; "" once another one is.
const thumbnail = async (picture) => {
  const shown = element("shown");
  // What a browser cannot show itself comes later, as a preview.
  await shown.decode().catch(() => new Promise((then) => shown.addEventListener("load", then, { once: true })));
  if (state.picture?.key !== picture.key) return "";
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = SIDE;
  const pen = canvas.getContext("2d");
  pen.fillStyle = "white";
  pen.fillRect(0, 0, SIDE, SIDE);
  const { naturalWidth: width, naturalHeight: height } = shown;
  const side = Math.min(width, height);
  pen.drawImage(shown, (width - side) / 2, (height - side) / 2, side, side, 0, 0, SIDE, SIDE);
  return canvas.toDataURL("image/jpeg", 0.8);
};

const said = ({ words, percents }) =>
  Object.fromEntries(Object.entries(words).map(([code, { lang, labels }]) => [
    code, { lang, rows: labels.slice(0, NAMED).map((label, rank) => [label, percents[rank]]) },
  ]));

const remember = async () => {
  const { picture, answer } = state;
  const { sample, key, name } = picture;
  const id = [sample ? "" : VISIT, key, model(), view()].join();
  const title = state.offer?.models?.[model()]?.title ?? model();
  const before = entries().find((one) => one.id === id);
  const entry = {
    id, name, sample, model: model(), view: view(), title, sure: answer.result.sure, said: said(answer), time: Date.now(),
    small: before?.small ?? "",
  };
  keep([entry, ...entries().filter((one) => one.id !== id)]);
  drawList();
  if (entry.small) return;
  const small = await thumbnail(picture);
  if (!small || !entries().some((one) => one.id === id)) return;
  keep(entries().map((one) => (one.id === id ? { ...one, small } : one)));
  drawList();
};

const isSample = ({ sample }) => Object.hasOwn(samples, sample ?? "");

const again = ({ sample, model: name, view: seen }) => {
  const there = Object.hasOwn(state.offer?.models ?? {}, name);
  lookAtSample(sample, there ? { model: name, view: seen } : {});
};

const choose = (entry) => {
  if (isSample(entry)) return again(entry);
  unfolded = unfolded === entry.id ? "" : entry.id;
  return drawList();
};

const rowsOf = ({ lang, rows }) => {
  const list = make("ol", "recent-rows");
  for (const [label, percent] of rows) {
    const row = make("li", "");
    const name = make("span", "", label);
    name.lang = lang;
    row.append(name, make("span", "", percent));
    list.append(row);
  }
  return list;
};

const drawn = (entry) => {
  const item = make("li", "");
  const button = make("button", "recent-one");
  const { lang, rows } = inLanguage(entry.said);
  const [label, percent] = rows[0];
  const image = make("img", "");
  image.alt = "";
  if (/^data:image\//.test(entry.small)) image.src = entry.small;
  const answer = make("span", "recent-answer", t(entry.sure ? "said" : "said_unsure", { label, percent }));
  answer.lang = lang;
  const name = isSample(entry) ? sampleTitle(entry.sample) : entry.name;
  const time = new Intl.DateTimeFormat(languages[state.language].html, { dateStyle: "medium", timeStyle: "short" }).format(entry.time);
  const words = make("span", "recent-words");
  words.append(answer, make("span", "quiet", [name, entry.title, time].join(" · ")));
  button.append(image, words);
  button.dataset.id = entry.id;
  button.addEventListener("click", () => choose(entry));
  item.append(button);
  if (isSample(entry)) return item;
  button.ariaExpanded = String(unfolded === entry.id);
  if (unfolded === entry.id) item.append(rowsOf({ lang, rows }));
  return item;
};

const drawList = () => {
  if (element("recent").hidden) return;
  const results = entries();
  element("recent-keep").checked = on();
  element("recent-none").hidden = !on() || results.length > 0;
  element("recent-clear").hidden = !results.length;
  const focused = element("recent-list").contains(document.activeElement) ? document.activeElement.dataset.id : null;
  element("recent-list").replaceChildren(...results.map(drawn));
  // Entries change their places, and what has the focus keeps it.
  const same = [...element("recent-list").querySelectorAll("button")].find(({ dataset }) => dataset.id === focused);
  if (focused !== null) (same ?? element("recent-keep")).focus({ preventScroll: true });
};

const switched = () => {
  element("recent-said").textContent = "";
  if (element("recent-keep").checked) {
    keep([]);
    if (on() && state.answer) remember();
  } else forget();
  drawList();
};

const clear = () => {
  keep([]);
  unfolded = "";
  element("recent-keep").focus();
  drawList();
  say(element("recent-said"), t("recent_cleared"));
};

let language = "";
export const draw = (changed) => {
  if (changed.answer && on()) remember();
  if (language !== state.language) drawList();
  language = state.language;
};

export const start = () => {
  show = panel(element("recent-open"), element("recent"));
  element("recent-keep").addEventListener("change", switched);
  element("recent-clear").addEventListener("click", clear);
  onOthers(drawList);
  if (state.answer && on()) remember();
};

export const open = () => {
  show(element("recent").hidden);
  drawList();
};
