// Takes a picture from the file dialog, or one that is dropped or pasted anywhere.

import { lookAtFile } from "./look.js";
import { state } from "./state.js";
import { inLanguage, t } from "./words.js";

const page = document.getElementById("page");
const field = document.getElementById("file");
const hint = document.getElementById("drop-hint");

// What a file is its content says; but of several, one that is called a picture is meant.
const take = (files) => {
  const picture = [...files].find((file) => file.type.startsWith("image/")) ?? files[0];
  if (picture) lookAtFile(picture);
  return Boolean(picture);
};

const carriesFiles = (event) => event.dataTransfer?.types.includes("Files");

const dropping = (is) => {
  page.toggleAttribute("data-dropping", is);
  hint.hidden = !is;
};

export const start = () => {
  // On a phone a hint makes the choice one of photos rather than of all files.
  if (matchMedia("(pointer: coarse)").matches) field.accept = "image/*";
  document.getElementById("choose").addEventListener("click", () => field.click());
  field.addEventListener("change", () => {
    take(field.files);
    field.value = ""; // so that the same file can be chosen again
  });
  document.addEventListener("paste", (event) => {
    if (!event.defaultPrevented && take(event.clipboardData?.files ?? [])) event.preventDefault();
  });
  // Without this the browser would leave the page to show the file.
  document.addEventListener("dragover", (event) => {
    if (!carriesFiles(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    dropping(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) dropping(false);
  });
  document.addEventListener("drop", (event) => {
    dropping(false);
    if (!carriesFiles(event)) return;
    event.preventDefault();
    take(event.dataTransfer.files);
  });
};

export const draw = () => {
  document.getElementById("paste-words").textContent = t("or_paste", { keys: "Ctrl+V / ⌘V" });
  document.getElementById("limits").textContent = inLanguage(state.offer?.limits?.words);
};
