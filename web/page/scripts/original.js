// The pixels of a picture as it was chosen, on a canvas: parts of it, and what is drawn over it.

import { samples } from "./words.js";

const MOST = 4096 * 4096; // pixels: Safari on phones draws nothing on a larger canvas
const LOSSLESS = 1_500_000; // pixels up to which a file is small enough as a PNG
const QUALITY = 0.95;

// The picture at its full size, upright; its preview where this browser cannot show it.
export const original = async ({ sample, address }) => {
  const image = new Image();
  image.src = sample ? samples[sample].original : address;
  await image.decode();
  return image;
};

// A part of a picture, in shares of its width and height, on white as the server lays it where it is transparent.
export const cut = (image, { left, top, right, bottom } = { left: 0, top: 0, right: 1, bottom: 1 }) => {
  const [width, height] = [image.naturalWidth, image.naturalHeight];
  const [x, y] = [Math.floor(left * width), Math.floor(top * height)];
  const [w, h] = [Math.max(1, Math.round(right * width) - x), Math.max(1, Math.round(bottom * height) - y)];
  const scale = Math.min(1, Math.sqrt(MOST / (w * h)));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [w, h].map((side) => Math.max(1, Math.floor(side * scale)));
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, x, y, w, h, 0, 0, canvas.width, canvas.height);
  return canvas;
};

// A canvas as a file: without loss, or, if that would be large, hardly any.
export const fileOf = async (canvas, stem) => {
  const small = canvas.width * canvas.height <= LOSSLESS;
  const type = small ? "image/png" : "image/jpeg";
  const blob = await new Promise((then) => canvas.toBlob(then, type, QUALITY));
  if (!blob) throw new Error("the canvas gives no file");
  return new File([blob], `${stem}.${small ? "png" : "jpg"}`, { type });
};
