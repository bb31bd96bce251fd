// The page's words in the visitor's language. In page.html, `data-t` names the text of an element, `data-label` that of its
// accessible name.

import { state } from "./state.js";

const { languages, samples, parts, words } = JSON.parse(document.getElementById("page-texts").textContent);

export { languages, parts, samples };

const filled = (text, values) =>
  text.replace(/\{(\w+)(?::[^}]*)?\}/g, (whole, name) => (Object.hasOwn(values, name) ? values[name] : whole));

export const t = (key, values = {}) => filled(languages[state.language].page[key], values);

// The words of parts that are loaded later.
export const learn = async () => {
  const further = await (await fetch(words)).json();
  for (const [code, texts] of Object.entries(further)) Object.assign(languages[code].page, texts);
};

export const sampleTitle = (name) => languages[state.language].samples[name];

// One of several texts by language, such as those that the server sends.
export const inLanguage = (texts) => texts?.[state.language] ?? texts?.en ?? "";

// A text whose beginning is between **, in which it is strong.
export const withStrong = (text) =>
  text.split("**").map((part, number) => {
    if (number % 2 === 0) return document.createTextNode(part);
    const strong = document.createElement("strong");
    strong.textContent = part;
    return strong;
  });

export const translate = () => {
  const { html } = languages[state.language];
  document.documentElement.lang = html;
  document.title = t("name");
  const page = document.getElementById("page");
  page.lang = html;
  for (const element of page.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of page.querySelectorAll("[data-label]")) element.ariaLabel = t(element.dataset.label);
  for (const button of page.querySelectorAll("[data-sample] span")) {
    button.textContent = sampleTitle(button.parentElement.dataset.sample);
  }
  for (const button of page.querySelectorAll("[data-lang]")) {
    button.ariaPressed = String(button.dataset.lang === state.language);
  }
};
