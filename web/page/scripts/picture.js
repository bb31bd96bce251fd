// The picture that is looked at, as the browser has it; what the model saw of it; and whose it is.

import { preview } from "./request.js";
import { state } from "./state.js";
import { sampleTitle, samples, t } from "./words.js";

const element = (id) => document.getElementById(id);
const image = element("shown");
const frame = element("frame");
let drawn = ""; // the key of the picture in the image
let asking = new AbortController();

const sized = (width, height) => {
  frame.style.setProperty("--width", width);
  frame.style.setProperty("--height", height);
};

// What this browser cannot show, the server can make a small JPEG of.
const askForPreview = async () => {
  const { picture } = state;
  if (!picture?.file || drawn !== picture.key || picture.previewed) {
    frame.hidden = true;
    return;
  }
  picture.previewed = true;
  frame.hidden = true;
  try {
    const small = await preview(picture.file, asking.signal);
    URL.revokeObjectURL(picture.address);
    picture.address = URL.createObjectURL(small);
    if (drawn === picture.key) image.src = picture.address;
  } catch {
    // What is wrong with the picture, its result says.
  }
};

export const start = () => {
  image.addEventListener("load", () => {
    sized(image.naturalWidth, image.naturalHeight);
    frame.hidden = false;
  });
  image.addEventListener("error", askForPreview);
};

const put = (picture) => {
  drawn = picture.key;
  asking.abort();
  asking = new AbortController();
  frame.hidden = false;
  if (picture.size) sized(...picture.size);
  image.src = picture.address;
};

const creditOf = (sample) => {
  const { author, licence, source } = samples[sample];
  const link = document.createElement("a");
  Object.assign(link, { href: source, target: "_blank", rel: "noopener", textContent: t("source") });
  return [`${t("credit", { author, licence })} · `, link];
};

// Whose it is, or that it was cut from a preview.
const below = ({ sample, from, reduced }) => {
  if (sample ?? from) return creditOf(sample ?? from);
  return reduced ? [t("crop_reduced", { width: reduced[0], height: reduced[1] })] : [];
};

const altOf = ({ kind, sample, name, of, from }) => {
  if (kind === "crop") return t("alt_part", { name: from ? sampleTitle(from) : of });
  return sample ? t("alt_sample", { name: sampleTitle(sample) }) : t("alt_upload", { name });
};

export const draw = () => {
  const { picture, answer } = state;
  const figure = element("figure");
  figure.hidden = !picture;
  if (!picture) {
    drawn = "";
    image.removeAttribute("src");
    return;
  }
  if (drawn !== picture.key) put(picture);
  image.alt = altOf(picture);
  element("credit").replaceChildren(...below(picture));
  const box = element("seen");
  box.hidden = !answer?.hides;
  if (box.hidden) return;
  const { box: [left, top, right, bottom], width, height } = answer.result;
  const share = (part, all) => `${(100 * part) / all}%`;
  Object.assign(box.style, {
    left: share(left, width), top: share(top, height), width: share(right - left, width), height: share(bottom - top, height),
  });
};

export const credits = () =>
  Object.keys(samples).map((sample) => {
    const item = document.createElement("li");
    item.append(`${sampleTitle(sample)} – `, ...creditOf(sample));
    return item;
  });
