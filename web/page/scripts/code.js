// Programs that ask this server what the page asks it: the same model, view, language and number of classes.

import { copy } from "./copy.js";
import { api } from "./links.js";
import { panel } from "./menu.js";
import { state } from "./state.js";
import { t } from "./words.js";

const element = (id) => document.getElementById(id);
const buttons = () => document.querySelectorAll("#code-languages button");
let chosen = "curl";
let show = () => {};

// JSON's texts are texts of both languages, and what stands between double quotes is safe in a shell: the address has none of
// the characters that mean something there.
const quoted = JSON.stringify;

const PROGRAMS = {
  curl: (address, key) => `curl ${key ? '-H "Authorization: Bearer YOUR_KEY" ' : ""}-F "file=@picture.jpg" ${quoted(address)}`,
  python: (address, key) => `import json
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

url = ${quoted(address)}
headers = {"Content-Type": "application/octet-stream"${key ? ', "Authorization": "Bearer YOUR_KEY"' : ""}}
try:
    with urlopen(Request(url, Path("picture.jpg").read_bytes(), headers)) as answer:
        result = json.load(answer)["results"][0]
except HTTPError as error:
    raise SystemExit(error.read().decode())
for prediction in result["predictions"]:
    print(f'{prediction["score"]:.1%}  {prediction["label"]}')
`,
  javascript: (address, key) => `const url = ${quoted(address)};
const headers = { "Content-Type": "application/octet-stream"${key ? ', Authorization: "Bearer YOUR_KEY"' : ""} };
const picture = globalThis.document
  ? document.querySelector("input[type=file]").files[0]
  : await (await import("node:fs/promises")).readFile("picture.jpg");
const answer = await fetch(url, { method: "POST", body: picture, headers });
if (!answer.ok) throw new Error(await answer.text());
const { results: [result] } = await answer.json();
for (const { label, score } of result.predictions) {
  console.log(\`\${(100 * score).toFixed(1)}%  \${label}\`);
}
`,
};

const NOTES = { curl: "code_curl", python: "code_python", javascript: "code_javascript" };

// Of what an address may hold, a shell takes these for its own even between double quotes.
const harmless = (address) => address.replace(/[$`!\\]/g, (one) => `%${one.charCodeAt(0).toString(16)}`);

export const draw = () => {
  if (element("code").hidden) return;
  const text = PROGRAMS[chosen](harmless(api()), state.offer?.keys);
  if (element("code-text").textContent !== text) {
    element("code-text").textContent = text;
    element("code-said").textContent = "";
  }
  element("code-key").hidden = !state.offer?.keys;
  element("code-note").textContent = t(NOTES[chosen]);
  for (const button of buttons()) button.ariaPressed = String(button.dataset.code === chosen);
};

export const start = () => {
  show = panel(element("code-open"), element("code"));
  for (const button of buttons()) {
    button.addEventListener("click", () => {
      chosen = button.dataset.code;
      draw();
    });
  }
  element("code-copy").addEventListener("click", () => copy(element("code-text"), element("code-said")));
};

export const open = () => {
  show(element("code").hidden);
  draw();
};
