import assert from "node:assert/strict";
import { chmodSync, copyFileSync, readFileSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import { openLibc } from "../../../ffi/libc.ts";
import { aliveSince, openProcess, pidNamespace, startTime, userOf } from "../../../ffi/process.ts";
import { SystemCallError } from "../../../ffi/system_call_error.ts";
import { startProgram } from "../../support/child.ts";
import { countDescriptors } from "../../support/descriptors.ts";
import { asNobody, NOBODY, noNobody } from "../../support/nobody.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";
import { sleep, waitFor } from "../../support/time.ts";

const SIGTERM = 15;
/** Above the largest pid that Linux can give: PID_MAX_LIMIT. */
const NO_PID = 4_194_305;

test("startTime() is a number of ticks that stays the same, and that a later process exceeds", async () => {
  assert.match(startTime("self"), /^\d+$/);
  assert.equal(startTime("self"), startTime(process.pid));
  await sleep(20);
  await using child = startProgram("sleep", ["10"]);
  assert.ok(Number(startTime(child.pid)) > Number(startTime("self")));
});

test("startTime() is not misled by the name of the program", async () => {
  // comm becomes ") Z 1 (": what follows the last parenthesis counts.
  await using child = startProgram("sh", ["-c", 'printf ") Z 1 (" >/proc/self/comm; echo ok; kill -STOP $$']);
  await child.nextLine();
  assert.match(startTime(child.pid), /^\d{2,}$/);
  assert.equal(aliveSince(child.pid), startTime(child.pid));
});

test("aliveSince() is the start time of a process, and undefined after its end", async () => {
  const child = startProgram("sleep", ["10"]);
  const started = startTime(child.pid);
  assert.equal(aliveSince(child.pid), started);
  await child[Symbol.asyncDispose]();
  assert.equal(aliveSince(child.pid), undefined);
  assert.equal(aliveSince(NO_PID), undefined);
});

test("aliveSince() is undefined for a zombie, and so says its handle", async () => {
  const libc = await openLibc();
  await using parent = startProgram("sh", ["-c", "sleep 0.05 & echo $!; exec sleep 10"]);
  const pid = Number(await parent.nextLine());
  const started = startTime(pid);
  await waitFor("a zombie", () => aliveSince(pid) === undefined);
  assert.equal(startTime(pid), started);
  using handle = openProcess(libc, pid);
  assert.equal(handle.isAlive(), false);
});

test("openProcess() holds a process, signals it and sees its end", async () => {
  const libc = await openLibc();
  const child = startProgram("sleep", ["10"]);
  using handle = openProcess(libc, child.pid);
  assert.equal(handle.pid, child.pid);
  assert.equal(handle.isAlive(), true);
  handle.kill(SIGTERM);
  assert.equal((await child.ended).signal, "SIGTERM");
  assert.equal(handle.isAlive(), false);
  assert.throws(
    () => handle.kill(0),
    (error) => error instanceof SystemCallError && error.code === "ESRCH" && error.message.includes(`${child.pid}`),
  );
});

test("openProcess() throws ESRCH when there is no such process, and leaves no descriptor", async () => {
  const libc = await openLibc();
  const before = countDescriptors(/pidfd/);
  for (let i = 0; i < 5; i++) {
    assert.throws(() => openProcess(libc, NO_PID), { code: "ESRCH", message: `Cannot find process ${NO_PID}: ESRCH` });
  }
  assert.ok(countDescriptors(/pidfd/) <= before, "it left a descriptor open");
});

test("disposal of a handle closes its descriptor", async () => {
  const libc = await openLibc();
  const handle = openProcess(libc, process.pid);
  assert.match(readlinkSync(`/proc/self/fd/${handle.fd}`), /pidfd/);
  handle[Symbol.dispose]();
  assert.throws(() => {
    const link = readlinkSync(`/proc/self/fd/${handle.fd}`);
    if (!link.includes("pidfd")) throw new Error("it is another one now");
  });
});

test("pidNamespace() is equal for a child, and names the namespace", async () => {
  await using child = startProgram("sleep", ["10"]);
  assert.match(pidNamespace("self"), /^pid:\[\d+\]$/);
  assert.equal(pidNamespace(child.pid), pidNamespace("self"));
});

test("the user of a set-user-ID program is nobody's to say", { skip: noNobody }, async () => {
  using directory = temporaryDirectory();
  chmodSync(directory.path, 0o755);
  const program = `${directory.path}/sleep`;
  copyFileSync("/bin/sleep", program);
  for (const [mode, user] of [
    [0o755, NOBODY],
    [0o4755, undefined],
  ] as const) {
    chmodSync(program, mode);
    await using child = startProgram("setpriv", [...asNobody, program, "60"]);
    await waitFor("the program", () => readFileSync(`/proc/${child.pid}/comm`, "utf8") === "sleep\n");
    assert.equal(userOf(child.pid), user);
  }
  assert.equal(userOf(process.pid), 0);
  assert.equal(userOf(4_194_305), undefined);
});
