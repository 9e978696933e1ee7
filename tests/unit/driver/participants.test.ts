import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openPages } from "../../../cli/pages.ts";
import { openAttached } from "../../../driver/attached.ts";
import type { Phase } from "../../../driver/engine.ts";
import { Participants } from "../../../driver/participants.ts";
import { simulate } from "../../../driver/simulate.ts";
import { listAttached } from "../../../driver/status.ts";
import { processState } from "../../../ffi/process.ts";
import { processTree } from "../../../ffi/process_tree.ts";
import { startProgram, startScript } from "../../support/child.ts";
import { countDescriptors } from "../../support/descriptors.ts";
import { openOwnPage } from "../../support/own_page.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";
import { waitFor } from "../../support/time.ts";

test("an app that starts children all the time is never refused, and no child is told anything", async () => {
  await using app = startScript("spawning_app.ts");
  assert.equal(await app.nextLine(), "running");
  for (let round = 0; round < 60; round++) {
    using participants = await Participants.find(app.pid, {});
    assert.deepEqual(await participants.prepare(), [], `round ${round}`);
    assert.deepEqual(participants.pids, [app.pid]);
    participants.tell("aborted");
  }
});

test("a page that two processes show is opened once, for the first of them", async () => {
  using _page = await openOwnPage();
  const before = countDescriptors(/pidfd|memfd/);
  const pages = await openAttached(process.pid);
  assert.equal(pages.length, 1);
  assert.deepEqual(await openAttached(process.pid, { known: pages }), []);
  for (const page of pages) page[Symbol.dispose]();
  assert.equal(countDescriptors(/pidfd|memfd/), before);
});

test("where no process of a tree is attached, and one above it is, that one is named", async () => {
  await using child = startProgram("sleep", ["60"]);
  const above = new RegExp(`Process ${process.pid}, above it, is attached: do you mean that\\?`);
  const find = (): Promise<unknown> => Participants.find(child.pid, {});
  await assert.rejects(find(), (error: Error) => !above.test(error.message));
  await assert.rejects(openPages(child.pid), (error: Error) => !above.test(error.message));
  using _page = await openOwnPage();
  await assert.rejects(find(), above);
  await assert.rejects(openPages(child.pid), above);
});

/** The command that runs a script of tests/support/ in the runtime that runs the test. */
const script = (name: string): string => {
  const before = "Deno" in globalThis ? "run -A --no-check" : "run";
  return `'${process.execPath}' ${before} '${join(import.meta.dirname as string, "../../support", name)}'`;
};

test("whoever was ready is told aborted when preparing throws: a page of the tree is damaged that was not there before", async () => {
  using directory = temporaryDirectory();
  const [path, fifo] = [`${directory.path}/socket`, `${directory.path}/fifo`];
  const memfd = process.arch === "arm64" ? 279 : 319;
  const damaged = `perl -e '$| = 1; $n = "criu-aware"; syscall(${memfd}, $n, 0) >= 0 or die; print "damaged\\n"; sleep 60'`;
  await using tree = startProgram("sh", [
    "-c",
    `mkfifo ${fifo}; ${script("told_app.ts")} socket ${path} & read -r go <${fifo}; ${damaged}`,
  ]);
  assert.equal(await tree.nextLine(), "attached");
  try {
    {
      using participants = await Participants.find(tree.pid, {});
      writeFileSync(fifo, "go\n");
      assert.equal(await tree.nextLine(), "damaged");
      await assert.rejects(participants.prepare(), { name: "PageError", code: "damaged" });
      assert.equal(await tree.nextLine(), "before");
    }
    assert.equal(await tree.nextLine(), "aborted");
  } finally {
    for (const pid of processTree(tree.pid).slice(1)) process.kill(pid, "SIGKILL");
  }
});

test("a second driver that waits does not prolong the hold of the first: the app answers it once its lease has ended", async () => {
  using directory = temporaryDirectory();
  await using app = startScript("told_app.ts", "file", `${directory.path}/marker`);
  assert.equal(await app.nextLine(), "attached");
  {
    using first = await Participants.find(app.pid, { leaseMs: 1000, outlived: true });
    assert.deepEqual(await first.prepare(), []);
    first.mayBeDumped();
    first.leaveHeld();
  }
  using second = await Participants.find(app.pid, { leaseMs: 300, timeoutMs: 4000 });
  assert.deepEqual(await second.prepare(), []);
  second.tell("aborted");
  const lines = [await app.nextLine(), await app.nextLine(), await app.nextLine(), await app.nextLine()];
  assert.deepEqual(lines, ["before", "continued", "before", "aborted"]);
});

test("simulate() leaves nobody held when what it is told to call throws", async () => {
  using directory = temporaryDirectory();
  await using app = startScript("told_app.ts", "socket", `${directory.path}/socket`);
  assert.equal(await app.nextLine(), "attached");
  const onPhase = ({ name }: Phase): void => {
    if (name === "ready") throw new Error("the caller's own");
  };
  await assert.rejects(simulate().dump({ pid: app.pid, imagesDir: directory.path, onPhase }), /the caller's own/);
  assert.equal(await app.nextLine(), "before");
  assert.equal(await app.nextLine(), "aborted");
});

test("once an image may be made, whoever is not told otherwise has continued", async () => {
  using directory = temporaryDirectory();
  await using app = startScript("told_app.ts", "socket", `${directory.path}/socket`);
  assert.equal(await app.nextLine(), "attached");
  {
    // Much longer than the test may take: the end of the lease would be the same outcome.
    using participants = await Participants.find(app.pid, { leaseMs: 600_000 });
    assert.deepEqual(await participants.prepare(), []);
    participants.mayBeDumped();
  }
  assert.equal(await app.nextLine(), "before");
  assert.equal(await app.nextLine(), "continued");
});

test("an app that is stopped is named at once, with the cure, and is not asked", async () => {
  using directory = temporaryDirectory();
  await using app = startScript("told_app.ts", "socket", `${directory.path}/socket`);
  assert.equal(await app.nextLine(), "attached");
  process.kill(app.pid, "SIGSTOP");
  await waitFor("the stop", () => processState(app.pid) === "T");
  const reasons = [`it is stopped (SIGSTOP) and cannot answer; let it go on: kill -CONT ${app.pid}`];
  using participants = await Participants.find(app.pid, { timeoutMs: 60_000 });
  assert.deepEqual(await participants.prepare(), [{ pid: app.pid, reasons }]);
  await assert.rejects(simulate().dump({ pid: app.pid, imagesDir: directory.path, timeoutMs: 60_000 }), {
    name: "DumpRefusedError",
    refusals: [{ pid: app.pid, reasons }],
  });
  assert.equal((await listAttached([app.pid]))[0]?.standstill, "stopped");
  process.kill(app.pid, "SIGCONT");
  await waitFor("the end of the stop", () => processState(app.pid) !== "T");
  process.kill(app.pid, "SIGWINCH");
  assert.equal(await app.nextLine(), "told nothing more: running");
  assert.equal((await listAttached([app.pid]))[0]?.standstill, undefined);
});
