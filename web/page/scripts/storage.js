// The recent results that this browser keeps for its visitor, if it was asked to; no server ever sees them. One page's are those of
// its own path: others of the same host have theirs.

const PATH = new URL("./", location.href).pathname;
const KEY = `recent results of ${PATH}`;
const MOST = 30;

// Browsers may forbid it, as in frames of other sites; then there is nothing.
const read = () => {
  try {
    return JSON.parse(localStorage.getItem(KEY));
  } catch {
    return null;
  }
};

const sound = (one) => typeof one?.id === "string" && Array.isArray(one.said?.en?.rows) && typeof one.time === "number";

export const on = () => Array.isArray(read());

// The results, latest first.
export const entries = () => (read() ?? []).filter?.(sound) ?? [];

// Keeps as many as there is room for; whether that is all of them, and null if nothing can be kept.
export const save = (results) => {
  const some = results.slice(0, MOST);
  for (let count = some.length; count >= 0; count -= 1) {
    try {
      localStorage.setItem(KEY, JSON.stringify(some.slice(0, count)));
      return count === some.length;
    } catch {
      // Without the oldest one, there may be room.
    }
  }
  return null;
};

export const forget = () => {
  try {
    localStorage.removeItem(KEY);
  } catch {
    // There is nothing.
  }
};

// Calls a function when another page of this browser has changed what is kept.
export const onOthers = (listener) => addEventListener("storage", ({ key }) => { if (key === KEY || key === null) listener(); });
