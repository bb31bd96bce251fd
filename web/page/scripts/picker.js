// Takes a picture from the file dialog, or one that is dropped or pasted anywhere; several go to where many are classified.

import { calledPicture, dropped, hasFolder } from "./folders.js";
import { open } from "./later.js";
import { lookAtFile } from "./look.js";
import { mode, offers, state } from "./state.js";
import { inLanguage, t } from "./words.js";

const page = document.getElementById("page");
const field = document.getElementById("file");
const hint = document.getElementById("drop-hint");

const areMany = (files, entries) =>
  offers("many") && (mode() === "many" || hasFolder(entries) || [...files].filter(calledPicture).length > 1);

// What a file is its content says; but of several, one that is called a picture is meant.
//   entries: for what was dropped, which may have folders among it.
const take = (files, entries = []) => {
  const picture = [...files].find(calledPicture) ?? files[0];
  if (!picture && !entries.length) return false;
  if (areMany(files, entries)) open("many", { files: [...files], entries });
  else if (picture) lookAtFile(picture);
  return true;
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
    take(event.dataTransfer.files, dropped(event.dataTransfer));
  });
};

export const draw = () => {
  // On a phone one picture is meant, and choosing several takes another step.
  field.multiple = offers("many") && !field.accept;
  document.getElementById("paste-words").textContent = t("or_paste", { keys: "Ctrl+V / ⌘V" });
  document.getElementById("limits").textContent = inLanguage(state.offer?.limits?.words);
};
