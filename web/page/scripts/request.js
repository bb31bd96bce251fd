// Sends a picture to the server and waits for the answer: tries again when the server asks for that, and when it has gone
// and another one stands in its place.

const PATIENCE = 60_000; // milliseconds for which a server that is busy is asked again
const RESTART = 300_000; // milliseconds for which a server that is gone is waited for
const MOST_SENT = 3; // times that a picture is sent whose connection broke: it may be what ends servers
const PAUSE = 1_000; // milliseconds between two looks for a server

// What the visitor reads: `texts` by language, or the key of one of the page's own; `again` if the same may work later,
// which the server may say is so after some `seconds`.
export class Refused extends Error {
  constructor(texts, key, again, seconds = 0) {
    super(key);
    Object.assign(this, { texts, key, again, seconds });
  }
}

export const pause = (milliseconds, signal) =>
  new Promise((resolve, reject) => {
    const end = () => { clearTimeout(timer); reject(signal.reason); };
    const timer = setTimeout(() => { signal.removeEventListener("abort", end); resolve(); }, milliseconds);
    signal.addEventListener("abort", end, { once: true });
  });

const unsent = () => new Refused(null, "unsent", true);

// Waits until the server answers anything.
const reached = async (signal) => {
  for (const end = performance.now() + RESTART; ; ) {
    await pause(PAUSE, signal);
    try {
      const { type, status } = await fetch("healthz", { signal, cache: "no-store", redirect: "manual" });
      if (type === "opaqueredirect") throw unsent(); // to a login: the page must be opened anew
      if (status < 500) return;
    } catch (error) {
      if (signal.aborted || error instanceof Refused) throw error;
    }
    if (performance.now() > end) throw unsent();
  }
};

const refused = async (answer) => {
  const about = await answer.json().catch(() => ({}));
  const again = answer.status >= 500 || answer.status === 429 || answer.status === 408;
  return new Refused(about.texts, about.code ?? "", again, Number(answer.headers.get("Retry-After")));
};

// Gives the answer, which is one of success.
//   tell: is called with the key of the words for what is waited for.
//   patience: milliseconds; without any, nothing is sent twice.
const post = async (address, body, signal, tell, patience = PATIENCE) => {
  let end = performance.now() + patience;
  for (let sent = 1; ; ) {
    const headers = body ? { "Content-Type": "application/octet-stream" } : {};
    const answer = await fetch(address, { method: "POST", body, headers, signal, cache: "no-store", redirect: "manual" })
      .catch(() => null);
    signal.throwIfAborted();
    if (answer?.ok) return answer;
    if (answer?.type === "opaqueredirect") throw unsent();
    const seconds = Number(answer?.headers.get("Retry-After"));
    if (answer && seconds) {
      const why = await refused(answer);
      if (performance.now() + seconds * 1000 > end) throw why.texts ? why : unsent();
      tell(why.key === "not_ready" ? "loading" : "busy");
      await pause(seconds * 1000, signal);
    } else if (answer && ![502, 503, 504].includes(answer.status)) {
      const why = await refused(answer);
      throw why.texts ? why : unsent();
    } else {
      if (sent >= MOST_SENT || !patience) throw unsent();
      sent += 1;
      tell("reconnecting");
      await reached(signal);
      end = performance.now() + patience;
    }
  }
};

const about = (picture, look) => {
  const asked = new URLSearchParams(Object.entries(look).filter(([, value]) => value));
  if (picture.sample) asked.set("sample", picture.sample);
  return asked;
};

export const classify = async (picture, look, signal, tell, patience = PATIENCE) =>
  (await post(`page/classify?${about(picture, look)}`, picture.file, signal, tell, patience)).json();

// The lines of an answer as they come, each of them JSON.
async function* lines(answer) {
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ; ) {
    const { value = "", done } = await reader.read();
    const parts = (rest + value).split("\n");
    rest = parts.pop();
    yield* parts.map((line) => JSON.parse(line));
    if (done) return;
  }
}

// The heat maps of a picture's best classes, see web/page/explanations.py.
//   tell: as for `post`; progress: is called with the share that is done.
export const explain = async (picture, look, signal, tell, progress) => {
  const answer = await post(`page/explain?${about(picture, look)}`, picture.file, signal, tell);
  try {
    for await (const line of lines(answer)) {
      if (line.error) throw new Refused(line.error.texts, line.error.code, line.error.status >= 500);
      if (line.maps) return line;
      progress(line.done);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof Refused) throw error;
  }
  throw unsent(); // the connection broke
};

// What the server offers now; null where it does not say.
export const offered = async () => {
  const answer = await fetch("page/offer", { cache: "no-store" }).catch(() => null);
  return answer?.ok ? answer.json() : null;
};

// A picture that this browser cannot show, as one that it can.
export const preview = async (file, signal) => (await post("page/preview", file, signal, () => {})).blob();
