// The answer: bars, whether it is sure, one line of how it came about; or why there is none. What belongs to one picture
// goes with it: the next one begins with empty bars.

import { run } from "./look.js";
import { replace } from "./address.js";
import { change, minimum, mode, most, shown, state, usual } from "./state.js";
import { inLanguage, t, withStrong } from "./words.js";

const element = (id) => document.getElementById(id);
const bars = element("bars");
let drawn = null; // the answer whose bars stand
let standing = ""; // what they show

export const make = (tag, className, text) => {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
};

// The classes to show: rank, label, score, and percent in words.
export const part = () => {
  const { result, percents } = state.answer;
  const { labels } = inLanguage(state.answer.words);
  return result.predictions
    .map(({ score, index }, rank) => ({ label: labels[rank], score, index, percent: percents[rank] }))
    .slice(0, shown())
    .filter(({ score }) => score >= minimum() / 100);
};

// Writes a class and its score into a row of bars.
//   best: whether it is the answer; lang: the language of its label.
export const fill = (row, { label, score, percent }, best, lang) => {
  row.className = best ? "bar best" : "bar";
  const [name, share, track] = row.children;
  [name.textContent, name.lang, share.textContent] = [label, lang, percent];
  const values = { label, valuemin: "0", valuemax: "100", valuenow: (score * 100).toFixed(1), valuetext: percent };
  for (const [key, value] of Object.entries(values)) track.setAttribute(`aria-${key}`, value);
  track.firstChild.style.width = `${score * 100}%`;
};

export const bar = (one, best, lang) => {
  const row = make("li");
  const track = make("span", "track");
  track.setAttribute("role", "meter");
  track.append(make("span", "fill"));
  row.append(make("span", "label"), make("span", "percent"), track);
  fill(row, one, best, lang);
  return row;
};

const emptyBar = () => {
  const row = make("li", "bar empty");
  row.ariaHidden = "true";
  row.append(make("span", "label", " "), make("span", "percent", " "), make("span", "track"));
  return row;
};

// Bars that show the same already stay, and with them the focus of what is in them.
const put = (content, make) => {
  const now = JSON.stringify(content);
  if (now !== standing) bars.replaceChildren(...make());
  standing = now;
};

const drawBars = () => {
  const { phase, answer } = state;
  bars.ariaBusy = String(phase === "busy");
  bars.hidden = phase === "error";
  if (!answer) {
    bars.className = "bars";
    put([phase, shown()], () => (phase === "busy" ? Array.from({ length: shown() }, emptyBar) : []));
  } else {
    const { sure } = answer.result;
    const { lang } = inLanguage(answer.words);
    bars.className = `bars ${sure ? "sure" : "unsure"} ${answer === drawn ? "" : "fresh"}`;
    put([part(), sure, lang], () => part().map((one, rank) => bar(one, sure && rank === 0, lang)));
  }
  drawn = answer;
  const none = answer && !bars.children.length;
  element("none-left").hidden = !none;
  if (none) element("none-left").textContent = t("none_left", { minimum: `${minimum()}%`, best: answer.percents[0] });
};

// How a label, in its language, is said to be the answer.
export const spoken = (label, lang, percent, sure) => {
  const named = label.charAt(0).toLocaleUpperCase(lang) + label.slice(1);
  return t(sure ? "said" : "said_unsure", { label: named, percent });
};

// What a screen reader says of the answer, once for each; while the page is for something else, what that has to say.
const drawStatus = () => {
  const { phase, answer, waiting, connected, news } = state;
  const status = element("status");
  const words = inLanguage(answer?.words);
  let [said, lang] = ["", element("page").lang];
  if (news) [said, lang = lang] = [].concat(news());
  else if (mode()) said = "";
  else if (answer) [said, lang] = [spoken(words.labels[0], words.lang, answer.percents[0], answer.result.sure), words.lang];
  else if (!connected) said = t("reconnecting");
  else if (phase === "busy") said = waiting ? t(waiting) : "";
  if (status.textContent !== said) status.textContent = said;
  status.lang = lang;
};

const drawFacts = () => {
  const { answer } = state;
  const words = inLanguage(answer?.words);
  element("facts").hidden = !answer;
  element("details").hidden = !answer;
  element("hidden-part").hidden = !answer?.hides;
  element("doubt").hidden = !answer?.doubt;
  element("promise").hidden = !words?.promise;
  if (!answer) return;
  element("took").textContent = words.took;
  element("promise").textContent = words.promise;
  element("hidden-part").textContent = words.hidden;
  if (answer.doubt) element("doubt").replaceChildren(...withStrong(t(answer.doubt)));
  const rows = words.details.flatMap(([name, value]) => [make("dt", "", name), make("dd", "", value)]);
  element("details").querySelector("dl").replaceChildren(...rows);
  const more = element("more");
  more.ariaExpanded = String(shown() > usual());
  more.hidden = usual() >= most();
};

const title = () => {
  if (state.phase === "busy") return t("looking");
  if (state.phase === "error") return t("no_answer");
  return state.answer?.result.sure ? t("best") : t("guesses");
};

export const draw = () => {
  const { phase, problem, waiting, picture } = state;
  element("answer").hidden = phase === "empty";
  element("answer-title").textContent = phase === "empty" ? "" : title();
  drawBars();
  drawFacts();
  element("error").hidden = phase !== "error";
  element("error-words").textContent = problem ? inLanguage(problem.texts) || t(problem.key || "unsent") : "";
  element("retry").hidden = !problem?.again;
  element("waiting").hidden = !(phase === "busy" && waiting);
  element("waiting").textContent = waiting ? t(waiting) : "";
  drawStatus();
  const page = element("page");
  page.dataset.state = phase;
  if (picture) page.dataset.picture = picture.key;
  else delete page.dataset.picture;
};

export const start = () => {
  element("retry").addEventListener("click", () => {
    element("choose").focus({ preventScroll: true });
    run(true);
  });
  element("more").addEventListener("click", () => {
    const { k: _, ...rest } = state.asked;
    const asked = shown() > usual() ? rest : { ...rest, k: String(most()) };
    replace(asked);
    change({ asked });
  });
};
