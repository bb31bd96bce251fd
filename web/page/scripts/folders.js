// The files of what was chosen or dropped, folders and all that is in them included, each with its path.

import { state } from "./state.js";

// What is hidden, and what Windows keeps beside pictures.
const HIDDEN = /(^|\/)(\.|(thumbs\.db|desktop\.ini)$)/i;

const isFolder = (entry) => Boolean(entry?.isDirectory);

// To be asked for while a drop is handled: later the browser names nothing of it any more.
export const dropped = (transfer) => [...transfer.items]
  .filter(({ kind }) => kind === "file").map((item) => item.webkitGetAsEntry?.() ?? null);

export const hasFolder = (entries) => entries.some(isFolder);

// By its name; what a file is, its content says, which only the server reads.
export const calledPicture = ({ name, type }) => {
  const lower = name.toLowerCase();
  return type.startsWith("image/") || Boolean(state.offer?.limits?.endings?.some((ending) => lower.endsWith(ending)));
};

const asPromise = (entry, method) => new Promise((resolve, reject) => { entry[method](resolve, reject); });

// A browser names a hundred at a time, then the next ones, and at the end none.
const entriesIn = async (folder) => {
  const reader = folder.createReader();
  const found = [];
  for (;;) {
    const some = await asPromise(reader, "readEntries");
    if (!some.length) return found.sort((one, other) => (one.name < other.name ? -1 : 1));
    found.push(...some);
  }
};

async function* below(folder, unread) {
  let entries = [];
  try {
    entries = await entriesIn(folder);
  } catch {
    unread.push(folder.fullPath);
  }
  for (const entry of entries.filter((one) => !one.isDirectory)) yield* filesOf(entry, unread, true);
  for (const entry of entries.filter(isFolder)) if (!HIDDEN.test(entry.name)) yield* below(entry, unread);
}

async function* filesOf(entry, unread, found) {
  const path = entry.fullPath.replace(/^\//, "");
  try {
    yield { file: await asPromise(entry, "file"), path, found };
  } catch {
    unread.push(path);
  }
}

// The files that were dropped, folder by folder: `file`, `path`, and whether it was `found` in a folder, and not named.
//   unread: gets the paths of what the browser could not list or open.
export async function* ofDrop(entries, files, unread) {
  for (const [number, entry] of entries.entries()) {
    if (isFolder(entry)) yield* below(entry, unread);
    else if (entry) yield* filesOf(entry, unread, false);
    else if (files[number]) yield* ofField([files[number]]);
  }
}

// The files that were chosen in a field, or pasted.
export function* ofField(files) {
  const chosen = [...files].map((file) => ({
    file, path: file.webkitRelativePath || file.name, found: Boolean(file.webkitRelativePath),
  }));
  yield* chosen.some(({ found }) => found) ? chosen.sort((one, other) => (one.path < other.path ? -1 : 1)) : chosen;
}

export const isHidden = ({ path }) => HIDDEN.test(path);
