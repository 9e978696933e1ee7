import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { firstErrors } from "../../../criu/log.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

function logFile(directory: string, ...lines: string[]): string {
  const path = `${directory}/dump.log`;
  writeFileSync(path, lines.join("\n"));
  return path;
}

test("firstErrors() finds the errors, without time and source line, in order", () => {
  using directory = temporaryDirectory();
  const path = logFile(
    directory.path,
    "(00.000001) Version: 4.2 (gitid 0)",
    "(00.015732) Error (criu/sk-inet.c:191): inet: Connected TCP socket, consider using --tcp-established option.",
    "(00.015800) Warn  (criu/files.c:12): something",
    "(00.016000) Error (criu/cr-dump.c:2098): Dumping FAILED.",
  );
  assert.deepEqual(firstErrors(path), [
    "inet: Connected TCP socket, consider using --tcp-established option.",
    "Dumping FAILED.",
  ]);
});

test("firstErrors() leaves out what CRIU always says of RLIMIT_NOFILE", () => {
  using directory = temporaryDirectory();
  const path = logFile(
    directory.path,
    "Error (criu/rlimit.c:10): rlimit: Can't setup RLIMIT_NOFILE for self",
    "Error (criu/x.c:1): real",
  );
  assert.deepEqual(firstErrors(path), ["real"]);
});

test("firstErrors() stops at the limit, five unless told otherwise", () => {
  using directory = temporaryDirectory();
  const path = logFile(directory.path, ...Array.from({ length: 9 }, (_, i) => `Error (a.c:${i}): number ${i}`));
  assert.equal(firstErrors(path).length, 5);
  assert.deepEqual(firstErrors(path, 2), ["number 0", "number 1"]);
});

test("firstErrors() is empty for a log without errors and for no log at all", () => {
  using directory = temporaryDirectory();
  assert.deepEqual(firstErrors(logFile(directory.path, "", "(00.1) fine", "An Error without a place")), []);
  assert.deepEqual(firstErrors(`${directory.path}/missing.log`), []);
});
