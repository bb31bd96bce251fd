// Streamlit's side of the page: its script hands over what the server offers, also that of another server after a restart,
// and hears what the visitor looks at, if it wants to.

import { change, model, onChange, state, view } from "./state.js";

const page = document.getElementById("page");
let told = "null";

const lookedAt = () => {
  if (state.phase !== "result") return null;
  const { kind, name, sample } = state.picture;
  const { predictions, sure } = state.answer.result;
  return { kind, name, sample, model: model(), view: view(), language: state.language, predictions, sure };
};

const tell = () => {
  const now = JSON.stringify(lookedAt());
  if (!page.streamlit?.listens || !state.connected || state.phase === "busy" || now === told) return;
  told = now;
  // A run of the script must not be in the way of the bars: it begins when they have been painted.
  requestAnimationFrame(() => setTimeout(() => page.streamlit.tell(JSON.parse(now))));
};

const take = () => {
  const { offer } = page.streamlit ?? {};
  if (offer) change({ offer: { ...state.offer, ...offer } });
};

export const start = () => {
  page.addEventListener("streamlit", take);
  onChange(tell);
  take();
};
