// Marks a part of the picture by pointer, touch or keys, and looks at it as a picture of its own.
//
// This browser cuts it from the original, in all its pixels; from the server's preview where it cannot show the original.
// What a drag does, two taps do, too: on one corner and on the opposite one.

import { between, middle, moved, pulled, resized } from "./box.js";
import { lookAtFile } from "./look.js";
import { cut, fileOf, original } from "./original.js";
import { stemOf } from "./saving.js";
import { change, state } from "./state.js";
import { t } from "./words.js";

const element = (id) => document.getElementById(id);
const STEP = 0.02; // of a side, for each press of a key
const TAP = 5; // pixels that a finger may move and still tap
const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

let marking = ""; // the key of the picture on which a part is marked
let box = middle();
let corner = null; // where the first tap was
let drag = null; // what a pointer that is down changes, and from where
let telling = 0;

const size = () => {
  const { naturalWidth, naturalHeight } = element("shown");
  return [Math.round((box.right - box.left) * naturalWidth), Math.round((box.bottom - box.top) * naturalHeight)];
};

const words = () => {
  const [width, height] = size();
  const left = `${Math.round(box.left * 100)}%`;
  const top = `${Math.round(box.top * 100)}%`;
  return t("crop_size", { width, height, left, top });
};

const put = (next) => {
  box = next;
  const share = (value) => `${100 * value}%`;
  Object.assign(element("crop-box").style, {
    left: share(box.left), top: share(box.top), width: share(box.right - box.left), height: share(box.bottom - box.top),
  });
  element("crop-corner").hidden = !corner;
  if (corner) Object.assign(element("crop-corner").style, { left: share(corner[0]), top: share(corner[1]) });
  element("crop-size").textContent = words();
};

// What keys have changed is said once they rest.
const tell = () => {
  clearTimeout(telling);
  telling = setTimeout(() => { if (marking) change({ news: words }); }, 500);
};

const show = (key) => {
  marking = key;
  clearTimeout(telling);
  [corner, drag] = [null, null];
  element("crop").hidden = !key;
  element("crop-field").hidden = !key;
  element("crop-open").ariaExpanded = String(Boolean(key));
  element("crop-problem").hidden = true;
};

const leave = () => {
  show("");
  change({ news: null });
  element("crop-open").focus({ preventScroll: true });
};

const take = async () => {
  const { picture } = state;
  const { name, of, from, sample, previewed } = picture;
  const here = box;
  try {
    const image = await original(picture);
    const file = await fileOf(cut(image, here), t("crop_name", { name: stemOf(of ?? name) }));
    if (state.picture !== picture || marking !== picture.key) return;
    element("crop-open").focus({ preventScroll: true });
    const reduced = previewed ? [image.naturalWidth, image.naturalHeight] : picture.reduced;
    lookAtFile(file, "crop", { of: of ?? name, from: from ?? sample, reduced });
  } catch {
    if (marking === picture.key) element("crop-problem").hidden = false;
  }
};

const pointOf = ({ clientX, clientY }) => {
  const { left, top, width, height } = element("crop-field").getBoundingClientRect();
  return [(clientX - left) / width, (clientY - top) / height];
};

const down = (event) => {
  if (!event.isPrimary || event.button) return;
  const { target } = event;
  const way = target.dataset.corner ?? (target === element("crop-box") ? "move" : "new");
  drag = { way, from: pointOf(event), x: event.clientX, y: event.clientY, box, tap: true };
  element("crop-field").setPointerCapture(event.pointerId);
  event.preventDefault(); // neither is text marked, nor does the box lose the focus
  element("crop-box").focus({ preventScroll: true });
};

const move = (event) => {
  if (!drag || !event.isPrimary) return;
  if (Math.hypot(event.clientX - drag.x, event.clientY - drag.y) > TAP) drag.tap = false;
  if (drag.tap) return;
  corner = null;
  const point = pointOf(event);
  const [dx, dy] = [point[0] - drag.from[0], point[1] - drag.from[1]];
  if (drag.way === "move") put(moved(drag.box, dx, dy));
  else put(drag.way === "new" ? between(drag.from, point) : pulled(drag.box, drag.way, point));
};

const up = (event) => {
  if (!drag || !event.isPrimary) return;
  if (drag.tap) {
    const point = pointOf(event);
    const first = corner;
    corner = first ? null : point;
    put(first ? between(first, point) : box);
  }
  drag = null;
};

const undone = () => {
  if (!drag) return;
  const before = drag.box;
  drag = null;
  put(before);
};

const key = (event) => {
  const [x, y] = KEYS[event.key] ?? [];
  if (x === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
  event.preventDefault();
  put((event.shiftKey ? resized : moved)(box, x * STEP, y * STEP));
  tell();
};

export const start = () => {
  const field = element("crop-field");
  element("frame").append(field);
  field.addEventListener("pointerdown", down);
  field.addEventListener("pointermove", move);
  field.addEventListener("pointerup", up);
  field.addEventListener("pointercancel", undone);
  element("crop-box").addEventListener("keydown", (event) => (event.key === "Enter" ? take() : key(event)));
  element("crop-take").addEventListener("click", take);
  element("crop-leave").addEventListener("click", leave);
  // The box lies on the picture: between it and the buttons, the focus may be on the picture's credit.
  element("picture").addEventListener("keydown", (event) => { if (event.key === "Escape" && marking) leave(); });
};

export const open = () => {
  if (marking) {
    leave();
    return;
  }
  const shown = !element("frame").hidden && element("shown").naturalWidth > 0;
  show(state.picture?.key ?? "");
  element("crop-field").hidden = !shown;
  element("crop-how").hidden = !shown;
  element("crop-take").hidden = !shown;
  element("crop-none").hidden = shown;
  if (!shown) return;
  put(middle());
  element("crop-box").focus({ preventScroll: true });
};

export const draw = (changed) => {
  if (marking && marking !== state.picture?.key) show("");
  if (marking && "asked" in changed) put(box); // perhaps in another language
};
