// The camera: asks for permission only once it is opened, and is off as soon as the photo is taken.

import { lookAtFile } from "./look.js";
import { change, state } from "./state.js";
import { t } from "./words.js";

const element = (id) => document.getElementById(id);
const video = element("video");
let opened = 0; // which opening is the present one; even when it is closed

const stop = () => {
  for (const track of video.srcObject?.getTracks() ?? []) track.stop();
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
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    if (here !== opened) for (const track of stream.getTracks()) track.stop();
    else video.srcObject = stream;
  } catch {
    if (here !== opened) return;
    close();
    change({ cameraProblem: true });
    element("camera-open").focus();
  }
};

const shoot = () => {
  if (!video.videoWidth) return;
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [video.videoWidth, video.videoHeight];
  canvas.getContext("2d").drawImage(video, 0, 0);
  canvas.toBlob((photo) => {
    close();
    element("camera-open").focus({ preventScroll: true });
    lookAtFile(new File([photo], "photo.jpg", { type: "image/jpeg" }), "camera");
  }, "image/jpeg", 0.95);
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
