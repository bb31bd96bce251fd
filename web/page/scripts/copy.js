// Puts a text of the page on the clipboard. Where a page may not, as over plain HTTP or in a frame, an older way may do; else
// the text is marked, so that the visitor's own keys copy it.

import { t } from "./words.js";

const SHOWN = 4_000; // milliseconds for which it is said

const mark = (element) => {
  const all = document.createRange();
  all.selectNodeContents(element);
  const selection = getSelection();
  selection.removeAllRanges();
  selection.addRange(all);
};

const byCommand = (element) => {
  mark(element);
  try {
    return document.execCommand("copy");
  } catch {
    return false;
  }
};

// Says in an element, a live region, what has just been done.
export const say = (said, words, stays = false) => {
  clearTimeout(Number(said.dataset.timer));
  said.textContent = words;
  if (!stays) said.dataset.timer = setTimeout(() => { said.textContent = ""; }, SHOWN);
};

// Copies what is in an element.
export const copy = async (element, said) => {
  let copied = true;
  try {
    await navigator.clipboard.writeText(element.textContent);
  } catch {
    copied = byCommand(element);
  }
  if (copied) say(said, t("copied"));
  else say(said, t("copy_problem"), true);
};
