// What the page's address says, and how it comes to say it: Back, Forward, reload and a link restore what it names.

const NAMES = ["sample", "model", "view", "lang", "k", "min", "mode", "with", "withview"];

export const query = () => {
  const found = new URLSearchParams(location.search);
  return Object.fromEntries(NAMES.filter((name) => found.get(name)).map((name) => [name, found.get(name)]));
};

const address = (asked) => {
  const written = new URL(location.href);
  for (const name of NAMES) {
    if (asked[name]) written.searchParams.set(name, asked[name]);
    else written.searchParams.delete(name);
  }
  return written.href;
};

// A step that Back takes back; `picture` is the key of the picture that it leads to.
export const push = (asked, picture) => history.pushState({ picture }, "", address(asked));

// The same step, with another address.
export const replace = (asked) => history.replaceState(history.state, "", address(asked));
