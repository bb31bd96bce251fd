// The rows of a batch as files, as `classifier classify --csv` and `--json` write them.

import { look, rows } from "./batch.js";
import { csv, save } from "./saving.js";
import { shown } from "./state.js";
import { inLanguage, t } from "./words.js";

const COLUMNS = ["file", "rank", "label", "index", "score", "sure", "error", "reason", "in_set", "set_size"];

export const reason = ({ problem }) => inLanguage(problem.texts) || t(problem.key || "unsent");

const predictions = ({ answer }) => {
  const { labels } = inLanguage(answer.words);
  return answer.result.predictions.slice(0, shown()).map((one, rank) => ({ ...one, label: labels[rank] }));
};

const lines = (row) => {
  if (row.phase === "failed") return [[row.path, "", "", "", "", "", row.problem.key, reason(row), "", ""]];
  const { sure, set } = row.answer.result;
  const inside = new Set(set?.predictions.map(({ index }) => index));
  return predictions(row).map(({ label, index, score }, rank) => [
    row.path, rank + 1, label, index, score, sure, "", "", ...(inside.size ? [inside.has(index), inside.size] : ["", ""]),
  ]);
};

const record = (row) => {
  if (row.phase === "failed") return { file: row.path, error: { code: row.problem.key, detail: reason(row) } };
  const { result, words } = row.answer;
  const named = inLanguage(words).set;
  const set = result.set && { ...result.set, predictions: result.set.predictions.map((one, rank) => ({ ...one, label: named[rank] })) };
  return { file: row.path, ...result, predictions: predictions(row), set };
};

const known = () => rows.filter(({ phase }) => phase === "done" || phase === "failed");

export const saveCsv = () => save(csv([COLUMNS, ...known().flatMap(lines)]), "pictures.csv", "text/csv");

export const saveJson = () => {
  const results = known().map((row) => JSON.stringify(record(row)));
  save(`{"model": ${JSON.stringify(look?.model ?? "")}, "results": [\n${results.join(",\n")}\n]}\n`, "pictures.json", "application/json");
};
