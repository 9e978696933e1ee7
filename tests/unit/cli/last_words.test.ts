/** What `run --wait` shows of a log. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { lastWords } from "../../../cli/last_words.ts";
import { startProgram } from "../../support/child.ts";
import { cli } from "../../support/cli.ts";
import { runCommand } from "../../support/runtimes.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

test("lastWords() shows the last lines of a log, and reads no more than its end", () => {
  using directory = temporaryDirectory();
  const log = join(directory.path, "log");
  writeFileSync(log, Array.from({ length: 20 }, (_, i) => `line ${i}\n`).join(""));
  assert.match(lastWords(log), /^The end of .*:\n {2}line 12\n(.*\n)*.*line 19$/);
  writeFileSync(log, `long${" and".repeat(2000)}\nlast\n`);
  assert.doesNotMatch(lastWords(log), /long/);
  assert.match(lastWords(log), /\n {2}last$/);
  writeFileSync(log, "");
  assert.equal(lastWords(log), `${log} is empty.`);
});

test("lastWords() shows the error that is above a long stack", () => {
  using directory = temporaryDirectory();
  const log = join(directory.path, "log");
  const stack = Array.from({ length: 12 }, (_, i) => `    at call${i} (file:///app.ts:${i}:1)\n`).join("");
  writeFileSync(log, `error: Uncaught NotCapable: run again with the --allow-ffi flag\n${stack}`);
  assert.match(lastWords(log), /:\n {2}error: Uncaught NotCapable: run again with the --allow-ffi flag$/);
});

test("run --wait with a pipe for its log ends when the program does", async () => {
  const command = [...runCommand["Deno" in globalThis ? "deno" : "bun"], cli, "run", "--wait", "--log", "/dev/stdout"];
  // A pipe of the shell: Bun's own are sockets, which nobody can open by /dev/stdout.
  const { stderr } = await startProgram("sh", ["-c", '"$@" | cat', "sh", ...command, "sh", "-c", "exit 3"]).ended;
  assert.match(stderr, /exit code 3 before it was attached\. No lines of \/dev\/stdout can be shown: it is no regular/);
});
