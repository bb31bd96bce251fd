// Addresses of this server, as others see it: whatever path and proxies are before it.

import { languages } from "./words.js";
import { minimum, model, shown, state, view } from "./state.js";

const HERE = new URL("./", location.href);

const to = (path, query) => {
  const address = new URL(path, HERE);
  address.search = new URLSearchParams(Object.entries(query).filter(([, value]) => value));
  return address.href;
};

// What a link says of the page as it is now. Model, view and number of classes are named, since the server's own may change.
//   sample: whether it is that of the sample that is looked at.
export const link = ({ sample = true } = {}) => {
  const { sample: looked, mode: _, lang, ...rest } = state.asked;
  return to("./", {
    ...(sample ? { sample: looked } : {}),
    ...rest,
    model: model(),
    view: view(),
    lang: Object.hasOwn(languages, lang) ? lang : "",
    k: String(shown()),
    min: minimum() ? String(minimum()) : "",
  });
};

// Where a program asks for what the page shows.
export const api = () => to("api/v1/classify", {
  model: model(),
  view: view(),
  top_k: String(shown()),
  lang: state.offer?.models?.[model()]?.speaks?.[state.language] ?? "",
});
