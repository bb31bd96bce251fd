// Results as files that the browser saves: CSV for spreadsheets, JSON for programs.

// As `csv_line` in classifier/formatting.py: no spreadsheet may see a formula in a text.
const FORMULA = /^[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/;

const cell = (value) => {
  if (typeof value !== "string") return String(value);
  const safe = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
};

// Rows of texts, numbers and truth values, with the byte order mark by which Excel recognises UTF-8.
export const csv = (rows) => `\ufeff${rows.map((row) => `${row.map(cell).join()}\r\n`).join("")}`;

// The name of a file without its ending.
export const stemOf = (name) => name.replace(/\.[^.]*$/, "");

export const save = (content, name, type) => {
  const link = document.createElement("a");
  Object.assign(link, { href: URL.createObjectURL(new Blob([content], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
};
