/** The note by which a dump tells the parent of a program that it has ended the program. */
import assert from "node:assert/strict";
import { readdirSync, readlinkSync } from "node:fs";
import { test } from "node:test";
import { openLauncherNote, tellingLauncher } from "../../../driver/launcher.ts";
import { AppendMemfd } from "../../../ffi/append_memfd.ts";
import { openLibc } from "../../../ffi/libc.ts";
import { startProgram } from "../../support/child.ts";
import { noMounts, startNamed } from "../../support/named_like_memfd.ts";
import { asNobody, noNobody } from "../../support/nobody.ts";
import { seal, sealableMemfd, writeSeals } from "../../support/sealed_memfd.ts";

const ended = async (): Promise<{ leftRunning: false }> => ({ leftRunning: false });

/** The path in /proc of the note of this process. */
function ownNote(): string {
  const path = readdirSync("/proc/self/fd")
    .map((fd) => `/proc/${process.pid}/fd/${fd}`)
    .find((path) => linkOf(path) === "/memfd:criu-aware-launcher (deleted)");
  assert.ok(path);
  return path;
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}

test("a parent is told of a dump that has ended its program, and of no other", async () => {
  using note = await openLauncherNote();
  await using program = startProgram("sleep", ["60"]);
  await tellingLauncher(program.pid, "/images/left", async () => ({ leftRunning: true }));
  await assert.rejects(
    tellingLauncher(program.pid, "/images/failed", () => Promise.reject(new Error("no"))),
    /^Error: no$/,
  );
  assert.equal(await note.dumpedTo(), undefined);
  await tellingLauncher(program.pid, "/images/ended", ended);
  assert.equal(await note.dumpedTo(), "/images/ended");
});

test("a note that somebody else keeps locked keeps no dump waiting", async () => {
  using _note = await openLauncherNote();
  using other = AppendMemfd.open(await openLibc(), ownNote());
  assert.ok(other.tryLock());
  await using program = startProgram("sleep", ["60"]);
  await tellingLauncher(program.pid, "/images", ended);
});

test("a note that its owner has sealed is not written to, and the dump is done all the same", async () => {
  const libc = await openLibc();
  const fd = sealableMemfd(libc, "criu-aware-launcher");
  try {
    seal(libc, fd, writeSeals.F_SEAL_WRITE);
    await using program = startProgram("sleep", ["60"]);
    assert.deepEqual(await tellingLauncher(program.pid, "/images", ended), { leftRunning: false });
    assert.equal(AppendMemfd.open(libc, ownNote()).stat().bytes, 0);
  } finally {
    libc.close(fd);
  }
});

test("what only has the name of a note is neither opened nor written to", { skip: noMounts }, async () => {
  for (const kind of ["file", "fifo", "device"] as const) {
    await using parent = await startNamed("criu-aware-launcher", kind);
    assert.equal(linkOf(`/proc/${parent.pid}/fd/7`), "/memfd:criu-aware-launcher (deleted)");
    await tellingLauncher(parent.child, "/images", ended);
    assert.equal(parent.content(), kind === "file" ? "precious" : undefined);
  }
});

test("a note of somebody else, which a hostile parent may only read, is not written to", {
  skip: noNobody,
}, async () => {
  using note = await openLauncherNote();
  const script = `exec 7<${ownNote()}; exec setpriv ${asNobody.join(" ")} sh -c 'sleep 60 & echo $!; wait'`;
  await using parent = startProgram("sh", ["-c", script]);
  const child = Number(await parent.nextLine());
  try {
    assert.equal(linkOf(`/proc/${parent.pid}/fd/7`), "/memfd:criu-aware-launcher (deleted)");
    await tellingLauncher(child, "/images", ended);
    assert.equal(await note.dumpedTo(), undefined);
  } finally {
    process.kill(child, "SIGKILL");
  }
});
