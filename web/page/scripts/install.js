// The page as an app: the button that installs it, the worker of an installed one, and the picture that is shared to it.

import { lookAtFile } from "./look.js";
import { change, offers, state } from "./state.js";
import { t } from "./words.js";

const HERE = new URL("./", location.href);
const SHARED = `shared to ${HERE.pathname}`; // as in worker.js
const WORKER = new URL("service-worker.js", HERE).href;
const element = (id) => document.getElementById(id);
const installed = () => matchMedia("(display-mode: standalone)").matches || Boolean(navigator.standalone);
let prompt = null; // the browser's own question, which it wants to be asked only after a click
let settled = false; // whether the worker is as the server wants it

// Only what is installed is shared to, so only that has a worker.
const register = () => navigator.serviceWorker?.register(WORKER, { scope: HERE.href }).catch(() => {});

// The worker of an earlier visit, where the server does not offer this any more. Other pages of this host may have their own.
const unregister = async () => {
  const all = (await navigator.serviceWorker?.getRegistrations().catch(() => [])) ?? [];
  const ours = all.filter(({ active, waiting, installing }) => (active ?? waiting ?? installing)?.scriptURL === WORKER);
  await Promise.all(ours.map((one) => one.unregister()));
  await globalThis.caches?.delete(SHARED).catch(() => {});
};

const take = async () => {
  const kept = await (await caches.open(SHARED)).match("./shared");
  await caches.delete(SHARED);
  const name = decodeURIComponent(kept.headers.get("X-Name"));
  const content = await kept.blob();
  return new File([content], name || "picture", { type: content.type });
};

// What was shared is looked at once, whatever becomes of the address.
const lookAtShared = async () => {
  const address = new URL(location.href);
  const shared = address.searchParams.get("shared");
  if (!shared) return;
  address.searchParams.delete("shared");
  history.replaceState(history.state, "", address.href);
  const file = shared === "1" ? await take().catch(() => null) : null;
  if (file) lookAtFile(file, "file");
  else change({ sharedProblem: true });
};

const install = async () => {
  if (!prompt) {
    change({ installHint: true, news: () => t("install_hint") });
    return;
  }
  const asked = prompt;
  prompt = null; // it can be asked once
  await asked.prompt();
};

export const start = () => {
  addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault(); // no banner of the browser's own over the page
    prompt = event;
  });
  addEventListener("appinstalled", () => { register(); change({ installed: true }); });
  element("install").addEventListener("click", install);
  // Of a page in a frame, a browser would install what is around it.
  change({ installed: installed() || window !== window.top });
  lookAtShared();
};

export const draw = (changed) => {
  if (changed.picture) state.sharedProblem = false;
  element("shared-problem").hidden = !state.sharedProblem;
  element("shared-problem").textContent = state.sharedProblem ? t("shared_problem") : "";
  element("install").hidden = Boolean(state.installed);
  element("install-hint").textContent = state.installHint && !state.installed ? t("install_hint") : "";
  if (settled || !state.offer?.parts) return;
  settled = true;
  if (!offers("install")) unregister();
  else if (installed()) register();
};
