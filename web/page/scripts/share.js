// Shares what is looked at: a sample by a link that opens it again; of any other picture what was said of it, since no link
// can carry the picture itself. By the device's own way where the browser has one, else by copying.

import { copy, say } from "./copy.js";
import { link } from "./links.js";
import { panel } from "./menu.js";
import { state } from "./state.js";
import { inLanguage, t } from "./words.js";

const element = (id) => document.getElementById(id);
let show = () => {};

// The answer in words, as it is announced.
const said = () => {
  const { answer } = state;
  if (!answer) return "";
  const { labels } = inLanguage(answer.words);
  return t(answer.result.sure ? "said" : "said_unsure", { label: labels[0], percent: answer.percents[0] });
};

const text = () => (state.picture?.sample ? link() : [said(), link()].join("\n"));

// What the device is asked to share; with the picture only if the visitor wants that.
const shared = () => {
  const { sample, file } = state.picture;
  const whole = { title: t("name"), text: said(), url: link() };
  return !sample && element("share-picture").checked ? { ...whole, files: [file] } : whole;
};

const takesFile = () => {
  const { file } = state.picture;
  return Boolean(file && navigator.canShare?.({ files: [file] }));
};

const share = async () => {
  try {
    await navigator.share(shared());
  } catch (problem) {
    if (problem.name !== "AbortError") say(element("share-said"), t("share_problem"), true);
  }
};

const sites = () => state.offer?.frames ?? [];

const frame = () => {
  const quoted = (words) => `"${words.replaceAll("&", "&amp;").replaceAll('"', "&quot;").replaceAll("<", "&lt;")}"`;
  const allow = "camera; clipboard-write; web-share";
  const size = 'width="100%" height="900" style="border: 0"';
  return `<iframe src=${quoted(link({ sample: false }))} title=${quoted(t("name"))} allow="${allow}" ${size}></iframe>`;
};

const drawEmbed = () => {
  element("embed").hidden = !sites().length;
  element("embed-text").textContent = frame();
  const any = sites().includes("*");
  element("embed-where").textContent = any ? t("embed_any") : t("embed_where", { sites: sites().join(", ") });
};

let drawn = "";
export const draw = () => {
  const { picture, answer } = state;
  if (element("share").hidden || !picture) return;
  const own = !picture.sample;
  const waits = own && !answer;
  element("share-what").textContent = t(own ? "share_own" : "share_sample");
  element("share-wait").hidden = !waits;
  for (const id of ["share-text", "share-buttons"]) element(id).hidden = waits;
  element("share-go").hidden = !navigator.share;
  element("share-with").hidden = !own || waits || !navigator.share || !takesFile();
  element("share-text").textContent = waits ? "" : text();
  // The choice is made for one picture, and does not hold for the next.
  if (drawn !== picture.key) {
    element("share-picture").checked = false;
    element("share-said").textContent = "";
  }
  drawn = picture.key;
  drawEmbed();
};

export const start = () => {
  show = panel(element("share-open"), element("share"));
  element("share-go").addEventListener("click", share);
  element("share-copy").addEventListener("click", () => copy(element("share-text"), element("share-said")));
  element("embed-copy").addEventListener("click", () => copy(element("embed-text"), element("embed-said")));
};

export const open = () => {
  show(element("share").hidden);
  draw();
};
