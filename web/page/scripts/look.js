// Looks at pictures: the one chosen last, by the model and view that hold now. Whatever comes for another one is dropped.
//
// A picture has a `key`, different for every picture; a `kind`: "sample", "file", "camera" or "crop"; a `name`; the `file`, or
// the name of a `sample`; and an `address` under which the browser shows it. A crop is a part `of` another, which may be
// `from` a sample; `reduced` is the size of the preview that it was cut from, if it was.

import { push, query } from "./address.js";
import { classify, offered, Refused } from "./request.js";
import { change, model, state, view } from "./state.js";
import { samples } from "./words.js";

const KEPT = 16; // pictures to which Back leads, and results
const pictures = new Map();
const answers = new Map();
let running = new AbortController();
let count = 0;

const keep = (kept, key, value, drop = () => {}) => {
  kept.delete(key);
  kept.set(key, value);
  while (kept.size > KEPT) {
    const [oldest] = kept.keys();
    drop(kept.get(oldest));
    kept.delete(oldest);
  }
};

const ofSample = (sample) => {
  if (!Object.hasOwn(samples, sample)) return null;
  const { shown, size, file } = samples[sample];
  return { key: `sample:${sample}`, kind: "sample", name: file, sample, address: shown, size };
};

const nothingKnown = (picture) => ({ phase: picture ? "busy" : "empty", answer: null, problem: null, waiting: "", news: null });

// The visitor's choice.

// With another model or view, if these are given.
export const lookAtSample = (sample, values) => lookAt(ofSample(sample), values);

export const lookAtFile = (file, kind = "file", about = {}) => {
  count += 1;
  const picture = { key: `${kind}:${count}`, kind, name: file.name, file, address: URL.createObjectURL(file), ...about };
  keep(pictures, picture.key, picture, (one) => URL.revokeObjectURL(one.address));
  lookAt(picture);
};

const lookAt = (picture, values = {}) => {
  const { sample: _, mode: __, ...rest } = { ...state.asked, ...values };
  const asked = picture.sample ? { ...rest, sample: picture.sample } : rest;
  if (picture.key !== state.picture?.key || Object.keys(values).length) push(asked, picture.key);
  change({ asked, picture, ...nothingKnown(picture) });
  run();
};

// Another model, view or language is a step that Back takes back.
export const ask = (values) => {
  const asked = { ...state.asked, ...values };
  push(asked, state.picture?.key);
  change("mode" in values ? { asked, news: null } : { asked });
};

// The server's models have changed: what earlier ones said is forgotten.
const renew = async () => {
  const offer = await offered();
  if (!offer) return;
  answers.clear();
  change({ offer: { ...state.offer, ...offer } });
};

const keyOf = (picture, look) => [picture.key, look.model, look.view].join();

// What a model and view say of a picture, if that is known.
export const known = (picture, look) => answers.get(keyOf(picture, look));

const asked = (picture, look, signal, tell) => {
  if (picture.file?.size > (state.offer?.limits?.bytes ?? Infinity)) throw new Refused(state.offer.limits.refused, "", false);
  return classify(picture, look, signal, tell);
};

const learn = async (picture, look, answer) => {
  if (answer.offered !== state.offer?.version) await renew();
  keep(answers, keyOf(picture, look), answer);
};

// What parts of the page ask beside the answer, they ask one after the other: a visitor holds one turn at a time.
let last = Promise.resolve();
export const inTurn = (signal, work) => {
  const mine = last.then(() => { signal.throwIfAborted(); return work(); });
  last = mine.catch(() => {});
  return mine;
};

// What another model or view says of a picture, for a part of the page that shows it beside the answer.
export const answerOf = async (picture, look, signal, tell) => {
  const answer = await asked(picture, look, signal, tell);
  signal.throwIfAborted();
  await learn(picture, look, answer);
  signal.throwIfAborted();
  return answer;
};

// Classifies the picture, unless its result by this model and view is known.
export const run = async (again = false) => {
  running.abort();
  const { picture } = state;
  if (!picture) {
    change(nothingKnown(picture));
    return;
  }
  const { signal } = (running = new AbortController());
  const look = { model: model(), view: view() };
  if (known(picture, look) && !again) {
    change({ phase: "result", answer: known(picture, look), problem: null, waiting: "", news: null });
    return;
  }
  change(nothingKnown(picture));
  try {
    const answer = await asked(picture, look, signal, (waiting) => signal.aborted || change({ waiting }));
    if (signal.aborted) return;
    change({ phase: "result", answer, waiting: "" });
    await learn(picture, look, answer);
  } catch (problem) {
    if (signal.aborted) return;
    if (!(problem instanceof Refused)) throw problem;
    change({ phase: "error", problem, waiting: "" });
    if (problem.key === "unknown_model") await renew();
  }
};

// What the address names is looked at: at the start, and after Back and Forward.
export const restore = (key) => {
  const asked = query();
  const before = [state.picture?.key, model(), view()].join();
  const picture = ofSample(asked.sample) ?? pictures.get(key) ?? null;
  const same = picture?.key === state.picture?.key;
  change(same ? { asked, news: null } : { asked, picture, ...nothingKnown(picture) });
  if (!same || [picture?.key, model(), view()].join() !== before) run();
};
