import assert from "node:assert/strict";
import { test } from "node:test";
import { commandLine } from "../../../ffi/command_line.ts";
import { openLibc } from "../../../ffi/libc.ts";
import { endMarked, openMarked } from "../../../ffi/marked_process.ts";
import { aliveSince } from "../../../ffi/process.ts";
import { startProgram } from "../../support/child.ts";
import { countDescriptors } from "../../support/descriptors.ts";
import { waitFor } from "../../support/time.ts";

const mark = "60.125";

test("endMarked() ends a process with our mark in its command line, and no other that has its pid", async () => {
  const libc = await openLibc();
  await using child = startProgram("sleep", [mark]);
  // A program that has just been started has no command line for a moment.
  await waitFor("its command line", () => commandLine(child.pid).includes(mark));
  endMarked(libc, child.pid, "another mark");
  assert.notEqual(aliveSince(child.pid), undefined);
  endMarked(libc, child.pid, mark);
  assert.equal((await child.ended).signal, "SIGKILL");
  assert.equal(openMarked(libc, child.pid, mark), undefined);
  endMarked(libc, child.pid, mark);
});

test("openMarked() leaves no descriptor of a process that is not ours", async () => {
  const libc = await openLibc();
  const before = countDescriptors(/pidfd/);
  for (let i = 0; i < 5; i++) assert.equal(openMarked(libc, process.pid, "no such mark"), undefined);
  assert.ok(countDescriptors(/pidfd/) <= before, "it left a descriptor open");
});
