// Many pictures, sent one after another by the model and view with which the batch began: each of them is a row with its
// result or its problem. As many are on their way at a time as the server's CPUs have work for, and fewer as soon as it asks
// to wait.
//
// A row has its `path` and `file`; whether it was `found` in a folder; a `phase`: "waiting", "busy", "done", "failed" or
// "left", which is out of the batch, since it is no picture; and then an `answer` or a `problem`, as in `state.js`.

import { calledPicture } from "./folders.js";
import { classify, Refused } from "./request.js";
import { model, state, view } from "./state.js";

const PER_CPU = 2; // pictures on their way: while one is worked on, the next one arrives
const EASE = 10; // pictures without being told to wait, after which one more is sent at a time
const HEAD = 4096; // bytes that tell whether a file is a picture
const RECENT = 40; // pictures whose pace tells the time that is left

export const rows = [];
export let look = null; // { model, view } of all rows
let queue = [];
let run = null; // what is under way: the way to stop it, and how many may be and are sent
let paces = []; // when the latest pictures were done
const listeners = [];

export const running = () => Boolean(run);

// Calls with a row that has changed, and without one when something else has.
export const onChange = (listener) => listeners.push(listener);
const told = (row) => { for (const listener of listeners) listener(row); };

const asked = () => ({ ...look, part: "many" });

const most = () => PER_CPU * (state.offer?.cpus ?? 1);

// Whether a file in a folder is there for another reason than its picture: the server knows by its first bytes.
const isOther = async ({ file, found }, signal, tell) => {
  if (!found || calledPicture(file)) return false;
  try {
    await classify({ file: file.slice(0, HEAD) }, asked(), signal, tell, Infinity);
    return false;
  } catch (problem) {
    if (!(problem instanceof Refused)) throw problem;
    return ["unsupported_format", "empty_file"].includes(problem.key);
  }
};

const LEFT = Symbol("no picture");

const answered = async (row, signal, tell) => {
  const { file } = row;
  try {
    await file.slice(0, 1).arrayBuffer();
  } catch {
    throw new Refused(null, "file_unreadable", true);
  }
  if (await isOther(row, signal, tell)) return LEFT;
  const { bytes = Infinity, refused } = state.offer?.limits ?? {};
  if (file.size > bytes) throw new Refused(refused, "too_many_bytes", false);
  const answer = await classify({ file }, asked(), signal, tell, Infinity);
  for (const words of Object.values(answer.words)) delete words.details; // thousands of them would fill the memory
  return answer;
};

const work = async (row, mine) => {
  mine.sent += 1;
  Object.assign(row, { phase: "busy", problem: null });
  told(row);
  const tell = (waiting) => {
    mine.allowed = Math.max(1, Math.floor(mine.allowed / 2));
    mine.smooth = 0;
    mine.waiting.set(row, waiting);
    told();
  };
  try {
    const answer = await answered(row, mine.signal, tell);
    if (mine.signal.aborted) return;
    Object.assign(row, answer === LEFT ? { phase: "left" } : { phase: "done", answer });
  } catch (problem) {
    if (mine.signal.aborted) return;
    Object.assign(row, { phase: "failed", problem: problem instanceof Refused ? problem : new Refused(null, "unsent", true) });
  }
  mine.sent -= 1;
  mine.waiting.delete(row);
  mine.smooth += 1;
  if (mine.smooth % EASE === 0) mine.allowed = Math.min(most(), mine.allowed + 1);
  paces = [...paces, performance.now()].slice(-RECENT);
  told(row);
  send(mine);
};

const send = (mine) => {
  while (mine.sent < mine.allowed && queue.length) work(queue.shift(), mine);
  if (!mine.sent && !queue.length && run === mine) {
    run = null;
    told();
  }
};

// Sends what waits.
export const go = () => {
  if (run || !queue.length) return;
  const controller = new AbortController();
  run = { controller, signal: controller.signal, sent: 0, allowed: most(), smooth: 0, waiting: new Map() };
  paces = [performance.now()];
  told();
  send(run);
};

export const stop = () => {
  run?.controller.abort();
  run = null;
  const cut = rows.filter(({ phase }) => phase === "busy");
  for (const row of cut) row.phase = "waiting";
  queue = [...cut, ...queue];
  for (const row of cut) told(row);
  told();
};

const known = ({ path, file }) => `${path}\n${file.size}\n${file.lastModified}`;
const keys = new Set();

// Takes files, each with its `path` and `found`; returns those that are new as rows.
export const add = (files) => {
  look ??= { model: model(), view: view() };
  const fresh = [];
  for (const one of files) {
    if (keys.has(known(one))) continue;
    keys.add(known(one));
    fresh.push({ ...one, phase: "waiting", answer: null, problem: null });
  }
  rows.push(...fresh);
  queue.push(...fresh);
  if (run) send(run);
  return fresh;
};

const again = (some) => {
  const before = new Set(queue);
  for (const row of some) {
    Object.assign(row, { phase: "waiting", answer: null, problem: null });
    told(row);
  }
  queue.push(...some.filter((row) => !before.has(row)));
  if (run) send(run);
  else go();
};

export const retry = () => again(rows.filter(({ phase }) => phase === "failed"));

// All rows once more, by the model and view that hold now.
export const renew = () => {
  stop();
  look = { model: model(), view: view() };
  again(rows.filter(({ phase }) => phase !== "left"));
};

export const clear = () => {
  stop();
  rows.length = 0;
  [queue, look] = [[], null];
  keys.clear();
  told();
};

// How far it is: rows by phase, seconds that are left (null if that is not known), and the key of the words for what holds it.
export const progress = () => {
  const count = { waiting: 0, busy: 0, done: 0, failed: 0, left: 0 };
  for (const { phase } of rows) count[phase] += 1;
  const left = count.waiting + count.busy;
  const pace = (performance.now() - paces[0]) / (paces.length - 1);
  const waits = run ? [...run.waiting.values()] : [];
  return {
    ...count,
    all: rows.length - count.left,
    over: count.done + count.failed,
    seconds: run && paces.length > 5 ? (left * pace) / 1000 : null,
    held: run && waits.length >= run.sent ? waits[0] ?? "" : "",
  };
};
