// The camera: asks for permission only once it is opened, and is off as soon as the photo is taken.

import { lookAtFile } from "./look.js";
import { change, state } from "./state.js";
import { camera, end, photo } from "./video.js";
import { t } from "./words.js";

const element = (id) => document.getElementById(id);
const video = element("video");
let opened = 0; // which opening is the present one; even when it is closed

const stop = () => {
  end(video.srcObject);
  video.srcObject = null;
};

const close = () => {
  opened += opened % 2;
  stop();
  change({ camera: false });
};

const open = async () => {
  opened += 1;
  const here = opened;
  change({ camera: true, cameraProblem: false });
  element("shoot").focus();
  try {
    const stream = await camera({ facingMode: "environment" });
    if (here !== opened) end(stream);
    else video.srcObject = stream;
  } catch {
    if (here !== opened) return;
    close();
    change({ cameraProblem: true });
    element("camera-open").focus();
  }
};

const shoot = async () => {
  if (!video.videoWidth) return;
  const taken = await photo(video);
  close();
  element("camera-open").focus({ preventScroll: true });
  lookAtFile(taken, "camera");
};

export const start = () => {
  const leave = () => { close(); element("camera-open").focus(); };
  element("camera-open").addEventListener("click", () => (state.camera ? leave() : open()));
  element("camera-close").addEventListener("click", leave);
  element("shoot").addEventListener("click", shoot);
  element("camera").addEventListener("keydown", (event) => { if (event.key === "Escape") leave(); });
};

// Another picture has been chosen: the camera is no longer needed.
export const pictureChosen = () => { if (state.camera) close(); };

export const draw = () => {
  element("camera").hidden = !state.camera;
  element("camera-open").ariaExpanded = String(Boolean(state.camera));
  const problem = element("camera-problem");
  problem.hidden = !state.cameraProblem;
  problem.textContent = state.cameraProblem ? t("camera_problem") : "";
};
