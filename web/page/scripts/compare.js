// Two models, or two views, on one picture: the answer of the page's own beside that of another one, which the address names.

import { make } from "./answer.js";
import { answerOf, ask, inTurn, known, run } from "./look.js";
import { aligned } from "./pairs.js";
import { Refused } from "./request.js";
import { change, model, other, shown, state, view, VIEWS } from "./state.js";
import { inLanguage, t } from "./words.js";

const element = (id) => document.getElementById(id);
const panel = element("compare");
const none = { answer: null, problem: null, waiting: "" };
let wanted = ""; // what `second` is the answer to: picture, first and second look
let second = none;
let running = new AbortController();

const about = (name) => state.offer.models[name];
const viewName = (name) => t({ crop: "view_crop", whole: "view_whole", both: "view_both" }[name]);
const title = (look) => `${about(look.model).title} · ${viewName(look.view)}`;
const first = () => ({ model: model(), view: view() });

// --- The other answer ---

const askFor = async (look) => {
  const { picture } = state;
  const { signal } = (running = new AbortController());
  const put = (values) => {
    if (signal.aborted) return;
    second = { ...none, ...values };
    change(second.answer ? { news: said } : {});
  };
  try {
    put({ answer: await inTurn(signal, () => answerOf(picture, look, signal, (waiting) => put({ waiting }))) });
  } catch (problem) {
    if (signal.aborted) return;
    if (!(problem instanceof Refused)) throw problem;
    put({ problem });
  }
};

// Asked for once the page has its own answer: a visitor has one picture at a time with the server.
const update = () => {
  const look = other();
  const { picture, phase, offer } = state;
  const key = look && phase === "result" ? JSON.stringify([picture.key, first(), look, offer.version]) : "";
  if (key === wanted) return;
  wanted = key;
  running.abort();
  second = none;
  if (!key) return;
  const answer = JSON.stringify(look) === JSON.stringify(first()) ? state.answer : known(picture, look);
  if (answer) second = { ...none, answer };
  else askFor(look);
};

// --- What is seen ---

const drawChoices = (looks) => {
  const all = Object.keys(state.offer.models).flatMap((name) => VIEWS.map((one) => ({ model: name, view: one })));
  ["compare-first", "compare-second"].forEach((id, number) => {
    const names = all.map((look) => title(look));
    if ([...element(id).options].map(({ text }) => text).join("\n") !== names.join("\n")) {
      element(id).replaceChildren(...all.map((look, rank) => new Option(names[rank], JSON.stringify(look))));
    }
    element(id).value = JSON.stringify(looks[number]);
  });
};

const sets = ([one, two]) => about(one.model).labels === about(two.model).labels;
const classes = (answer) => {
  const { labels, lang } = inLanguage(answer.words);
  return answer.result.predictions
    .map(({ index, score }, rank) => ({ label: labels[rank], lang, index, score, percent: answer.percents[rank] }));
};

// Whether the two agree, in words.
const said = () => {
  const [one, two] = [state.answer, second.answer];
  if (!one || !two || !other()) return "";
  const [a, b] = [one, two].map((answer) => classes(answer)[0].label);
  const sure = one.result.sure && two.result.sure;
  const values = { first: a, second: b };
  if (a === b) return t(sure ? "compare_agree" : "compare_agree_unsure", values);
  if (!sets([first(), other()])) return t(sure ? "compare_sets" : "compare_sets_unsure", values);
  return t(sure ? "compare_differ" : "compare_differ_unsure", values);
};

const cell = (one, under) => {
  const made = make("td", "", one?.percent ?? under);
  if (!one) return made;
  const track = make("span", "track");
  const fill = make("span", "fill");
  fill.style.width = `${one.score * 100}%`;
  track.append(fill);
  made.append(track);
  return made;
};

const line = (heading, cells) => {
  const row = make("tr");
  heading.scope = "row";
  row.append(heading, ...cells);
  return row;
};

const group = (text) => {
  const row = make("tr", "group");
  const heading = make("th", "", text);
  Object.assign(heading, { colSpan: 3, scope: "rowgroup" });
  row.append(heading);
  return row;
};

const drawTable = (looks) => {
  const answers = [state.answer, second.answer];
  const { both, apart, under } = aligned(...answers.map(classes), shown(), sets(looks));
  const heads = element("compare-table").tHead.rows[0].cells;
  looks.forEach((look, number) => { heads[number + 1].textContent = title(look); });
  const row = (pair) => {
    const { label, lang } = pair.find(Boolean);
    const heading = make("th", "", label);
    heading.lang = lang;
    return line(heading, pair.map((one, side) => cell(one, under[side])));
  };
  const body = make("tbody");
  body.append(...both.map(row));
  const rest = apart.map((pairs, side) => {
    const part = make("tbody");
    if (pairs.length) part.append(group(t("compare_only", { model: about(looks[side].model).title })), ...pairs.map(row));
    return part;
  }).filter((part) => part.rows.length);
  const times = make("tbody");
  times.append(group(t("compare_times")), ...["inference", "total"].map((stage) => line(
    make("th", "", t({ inference: "stage_inference", total: "stage_total" }[stage])),
    answers.map(({ result }) => make("td", "", t("milliseconds", { value: result.timings[stage].toFixed(1) }))),
  )));
  for (const one of [...element("compare-table").tBodies]) one.remove();
  element("compare-table").append(body, ...rest, times);
};

export const draw = () => {
  update();
  const look = other();
  panel.hidden = !look;
  element("compare-open").ariaExpanded = String(Boolean(look));
  if (!look) return;
  const looks = [first(), look];
  drawChoices(looks);
  const ready = Boolean(second.answer && state.answer);
  element("compare-table").hidden = !ready;
  element("compare-said").hidden = !ready;
  element("compare-said").textContent = said();
  if (ready) drawTable(looks);
  const { problem, waiting } = second;
  element("compare-error").hidden = !problem;
  element("compare-problem").textContent = problem ? inLanguage(problem.texts) || t(problem.key || "unsent") : "";
  element("compare-retry").hidden = !problem?.again;
  element("compare-waiting").hidden = ready || Boolean(problem) || state.phase === "error";
  element("compare-waiting").textContent = t(waiting || "looking");
};

// --- What the visitor does ---

const close = () => {
  change({ news: null });
  ask({ with: "", withview: "" });
  element("compare-open").focus({ preventScroll: true });
};

// Another model, if there is one with the same classes; where there is no other, another view.
export const open = () => {
  if (other()) {
    close();
    return;
  }
  const others = Object.keys(state.offer?.models ?? {}).filter((one) => one !== model());
  const name = others.find((one) => about(one).labels === about(model()).labels) ?? others[0];
  ask({ with: name ?? model(), withview: name ? view() : VIEWS.find((one) => one !== view()) });
};

export const start = () => {
  element("compare-first").addEventListener("change", ({ target }) => {
    ask({ ...JSON.parse(target.value), with: other().model, withview: other().view });
    run();
  });
  element("compare-second").addEventListener("change", ({ target }) => {
    const look = JSON.parse(target.value);
    ask({ with: look.model, withview: look.view });
  });
  element("compare-retry").addEventListener("click", () => {
    element("compare-second").focus({ preventScroll: true });
    wanted = "";
    change({});
  });
  for (const part of [panel, element("tools")]) {
    part.addEventListener("keydown", (event) => { if (event.key === "Escape" && other()) close(); });
  }
};
