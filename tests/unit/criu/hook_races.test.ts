/** The action script beside a process that changes things between two looks of the script: see SECURITY.md. */
import assert from "node:assert/strict";
import { chmodSync, chownSync, closeSync, constants, mkdirSync, openSync, readdirSync, readSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { runShell, startProgram } from "../../support/child.ts";
import { runWithHookFunctions } from "../../support/hook_script.ts";
import { NOBODY, noNobody, startScriptAsNobody } from "../../support/nobody.ts";
import { openOwnPage } from "../../support/own_page.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

/** Runs for_process() for this process as a part of the tree of `init`, and returns what the step and the end code say. */
async function lookedAt(init: number, before = "", change = "cat"): Promise<string> {
  const { stdout, stderr } = await runWithHookFunctions(
    `${before}
    CRTOOLS_INIT_PID=${process.pid} pages=$(pages | ${change}) CRTOOLS_INIT_PID=${init} step=ours
    ours() { echo opened; }; for_process ${process.pid}; echo $?`,
  );
  assert.equal(stderr, "");
  return stdout;
}

test("a marker is written nowhere but in the directory of the app, which replaces all that the script makes there", {
  skip: noNobody,
  timeout: 60_000,
}, async () => {
  using place = temporaryDirectory();
  const [own, roots] = [join(place.path, "own"), join(place.path, "roots")];
  const [fifo, directory] = [join(roots, "fifo"), join(roots, "directory")];
  chmodSync(place.path, 0o755);
  mkdirSync(own);
  chownSync(own, NOBODY, NOBODY);
  mkdirSync(roots);
  mkdirSync(directory, { mode: 0o700 });
  assert.equal((await runShell(`mkfifo -m 600 ${fifo}`)).code, 0);
  const reader = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
  const id = crypto.randomUUID();
  await using swapper = startScriptAsNobody("swapping_marker.ts", own, id, fifo, directory);
  await swapper.nextLine();
  await runWithHookFunctions(
    `id=${id} uids=' ${NOBODY} ' pid=${swapper.pid} notice=notice CRIU_AWARE_MARKER=${own}/marker; log() { cat >/dev/null; }
    for turn in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do put_marker; done`,
  );
  assert.throws(() => readSync(reader, new Uint8Array(100)), { code: "EAGAIN" }, "root wrote to a FIFO of root's");
  closeSync(reader);
  assert.deepEqual(readdirSync(roots).sort(), ["directory", "fifo"]);
  assert.deepEqual(readdirSync(directory), []);
});

test("root passes by a page that is no longer in the memory map, although the process has it open", {
  skip: noNobody,
}, async () => {
  using _page = await openOwnPage();
  assert.equal(await lookedAt(process.pid), "opened\n0\n");
  assert.equal(await lookedAt(process.pid, "", "sed 's/:.*:/:1000-2000:/'"), "3\n");
});

test("a process that is not below the process that CRIU dumps is passed by, and one below it is not", async () => {
  using _page = await openOwnPage();
  await using other = startProgram("sleep", ["30"]);
  assert.equal(await lookedAt(other.pid), "3\n");
  assert.equal(await lookedAt(process.ppid), "opened\n0\n");
});

test("a process with more descriptors than a command can have arguments is attached", async () => {
  using _page = await openOwnPage();
  const many = Array.from({ length: 9_000 }, () => openSync("/dev/null", "r"));
  try {
    assert.equal(await lookedAt(process.pid, "ulimit -s 256"), "opened\n0\n");
  } finally {
    for (const fd of many) closeSync(fd);
  }
});
