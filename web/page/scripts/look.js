// Looks at pictures: the one chosen last, by the model and view that hold now. Whatever comes for another one is dropped.
//
// A picture has a `key`, different for every picture; a `kind`: "sample", "file" or "camera"; a `name`; the `file`, or the
// name of a `sample`; and an `address` under which the browser shows it.

import { push, query } from "./address.js";
import { classify, offered, Refused } from "./request.js";
import { change, model, state, view } from "./state.js";
import { samples } from "./words.js";

const KEPT = 8; // pictures to which Back leads, and results
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

const nothingKnown = (picture) => ({ phase: picture ? "busy" : "empty", answer: null, problem: null, waiting: "" });

// The visitor's choice.

// With another model or view, if these are given.
export const lookAtSample = (sample, values) => lookAt(ofSample(sample), values);

export const lookAtFile = (file, kind = "file") => {
  count += 1;
  const picture = { key: `${kind}:${count}`, kind, name: file.name, file, address: URL.createObjectURL(file) };
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
  change({ asked });
};

// The server's models have changed: what earlier ones said is forgotten.
const renew = async () => {
  const offer = await offered();
  if (!offer) return;
  answers.clear();
  change({ offer: { ...state.offer, ...offer } });
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
  const key = [picture.key, look.model, look.view].join();
  if (answers.has(key) && !again) {
    change({ phase: "result", answer: answers.get(key), problem: null, waiting: "" });
    return;
  }
  change(nothingKnown(picture));
  try {
    if (picture.file?.size > (state.offer?.limits?.bytes ?? Infinity)) throw new Refused(state.offer.limits.refused, "", false);
    const answer = await classify(picture, look, signal, (waiting) => signal.aborted || change({ waiting }));
    if (signal.aborted) return;
    change({ phase: "result", answer, waiting: "" });
    if (answer.offered !== state.offer?.version) await renew();
    keep(answers, key, answer);
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
  change(same ? { asked } : { asked, picture, ...nothingKnown(picture) });
  if (!same || [picture?.key, model(), view()].join() !== before) run();
};
