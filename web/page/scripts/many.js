// Many pictures at once: takes files and folders, has them classified, and shows how far that is. The pictures and their
// results stay while the visitor looks at one of them, or at something else.

import * as batch from "./batch.js";
import { isHidden, ofDrop, ofField } from "./folders.js";
import { ask } from "./look.js";
import { menu } from "./menu.js";
import { saveCsv, saveJson } from "./records.js";
import { change, mode, model, state, view } from "./state.js";
import * as table from "./table.js";
import { t } from "./words.js";

const element = (id) => document.getElementById(id);
const AT_ONCE = 25; // files that become lines before the browser gets to draw
const PARTS = 4; // announcements on the way
const FRAME = 250; // milliseconds between two drawings while a batch runs: drawing takes time from it

let gathering = 0; // files found by those that are under way; 0 if none is
const out = { others: 0, twice: 0, unread: 0 }; // files that are not in the table, by why
let language = "";
let heard = 0; // parts of the batch that were announced

const say = (key, values) => change({ news: () => t(key, values) });
const breath = () => new Promise((then) => { setTimeout(then); });

const put = (files) => {
  const fresh = batch.add(files);
  out.twice += files.length - fresh.length;
  table.add(fresh);
};

const take = async ({ files, entries = [] }) => {
  const unread = [];
  let some = [];
  gathering += 1;
  for await (const one of entries.length ? ofDrop(entries, files, unread) : ofField(files)) {
    if (isHidden(one)) out.others += 1;
    else some.push(one);
    if (some.length < AT_ONCE) continue;
    put(some);
    some = [];
    drawSoon();
    await breath();
  }
  put(some);
  gathering -= 1;
  out.unread += unread.length;
  const { all, waiting } = batch.progress();
  heard = 0;
  if (waiting) say("many_begun", { count: all });
  batch.go();
  drawSoon();
};

// --- Drawing ---

let soon = false;
let drawn = -FRAME;
const changed = new Set(); // rows
const drawSoon = () => {
  if (soon) return;
  soon = true;
  const wait = batch.running() ? drawn + FRAME - performance.now() : 0;
  setTimeout(() => requestAnimationFrame(() => { soon = false; drawRun(); }), Math.max(0, wait));
};

const timeLeft = (seconds) => {
  if (seconds === null) return "";
  return seconds < 90
    ? t("left_seconds", { count: Math.max(1, Math.round(seconds)) })
    : t("left_minutes", { count: Math.round(seconds / 60) });
};

const announce = ({ all, over, failed, waiting }) => {
  const part = all ? Math.floor((PARTS * over) / all) : 0;
  if (part <= heard || gathering) return;
  heard = part;
  if (over < all) say("many_count", { done: over, all });
  else if (!waiting) say(failed ? "many_ended_failed" : "many_ended", { count: all, failed });
};

// What had the focus is gone: it goes on to what may be wanted next.
const keepFocus = (focused) => {
  if (focused?.checkVisibility?.() && !focused.disabled) return;
  const next = ["many-stop", "many-go", "many-save", "many-files-open"].map(element);
  next.find((one) => one.checkVisibility() && !one.disabled)?.focus();
};

const drawRun = () => {
  drawn = performance.now();
  for (const row of changed) table.update(row);
  changed.clear();
  const focused = element("many").contains(document.activeElement) ? document.activeElement : null;
  const now = batch.progress();
  const { all, over, failed, waiting, busy, seconds } = now;
  const running = batch.running();
  element("many-run").hidden = !batch.rows.length;
  element("many-clear").hidden = !batch.rows.length;
  element("many-progress").max = all || 1;
  element("many-progress").value = over;
  const counts = [t("many_count", { done: over, all }), failed && t("many_failed", { count: failed }), running && timeLeft(seconds)];
  element("many-count").textContent = counts.filter(Boolean).join(" · ");
  element("many-waiting").textContent = gathering ? t("many_gathering") : now.held ? t(now.held) : "";
  element("many-stop").hidden = !running;
  element("many-go").hidden = running || !waiting;
  element("many-retry").hidden = !failed;
  element("many-save").disabled = !over;
  const others = out.others + now.left;
  const why = [others && t("out_others", { count: others }), out.twice && t("out_twice", { count: out.twice }), out.unread && t("out_unread", { count: out.unread })];
  element("many-out").textContent = why.filter(Boolean).join(" ");
  const { look } = batch;
  const title = state.offer?.models[look?.model]?.title ?? look?.model;
  element("many-look").textContent = look ? `${title} · ${t(`view_${look.view}`)}` : "";
  element("many-again").hidden = !look || (look.model === model() && look.view === view());
  element("many-none").hidden = !all || table.anyShown();
  announce(now);
  if (focused) keepFocus(focused);
  if (!running && !busy && all && over === all) table.settle();
};

export const draw = () => {
  if (language !== state.language) {
    language = state.language;
    table.redraw();
  }
  const back = element("many-back");
  back.textContent = t("many_back");
  back.hidden = !table.alone.has(state.picture?.key);
  drawRun();
};

// --- What the visitor does ---

const choose = (id) => {
  element(id).addEventListener("change", ({ target }) => {
    take({ files: [...target.files] });
    target.value = "";
  });
  element(`${id}-open`).addEventListener("click", () => element(id).click());
};

export const start = () => {
  table.start(element("many-lines"));
  for (const id of ["many-files", "many-folder"]) choose(id);
  element("many-folder-open").hidden = !("webkitdirectory" in HTMLInputElement.prototype);
  element("many-stop").addEventListener("click", () => {
    batch.stop();
    const { over, all } = batch.progress();
    say("many_stopped", { done: over, all });
    drawRun();
  });
  element("many-go").addEventListener("click", () => { batch.go(); drawRun(); });
  element("many-retry").addEventListener("click", () => { heard = 0; batch.retry(); drawRun(); });
  element("many-again").addEventListener("click", () => { heard = 0; batch.renew(); drawRun(); });
  element("many-clear").addEventListener("click", () => {
    batch.clear();
    table.clear();
    Object.assign(out, { others: 0, twice: 0, unread: 0 });
    drawRun();
  });
  menu(element("many-save"), element("many-saves"), { closesOutside: true });
  element("many-csv").addEventListener("click", saveCsv);
  element("many-json").addEventListener("click", saveJson);
  element("many-text").addEventListener("input", ({ target }) => { table.narrow({ text: target.value }); drawSoon(); });
  element("many-kind").addEventListener("change", ({ target }) => { table.narrow({ kind: target.value }); drawSoon(); });
  for (const head of element("many-table").querySelectorAll("[data-column]")) {
    head.firstElementChild.addEventListener("click", () => drawHeads(table.sortBy(head.dataset.column)));
  }
  batch.onChange((row) => { if (row) changed.add(row); drawSoon(); });
  const back = document.createElement("button");
  back.id = "many-back";
  back.addEventListener("click", () => {
    ask({ mode: "many" });
    table.comeBack();
  });
  element("actions").prepend(back);
  addEventListener("beforeunload", (event) => { if (batch.running()) event.preventDefault(); });
};

const drawHeads = ({ column, down }) => {
  for (const head of element("many-table").querySelectorAll("[data-column]")) {
    if (head.dataset.column === column) head.ariaSort = down ? "descending" : "ascending";
    else head.removeAttribute("aria-sort");
  }
};

// The visitor comes by a button, or with files.
export const open = (what) => {
  if (mode() !== "many") ask({ mode: "many" });
  if (what?.files) take(what);
  element(batch.rows.length ? "many-text" : "many-files-open").focus({ preventScroll: true });
};
