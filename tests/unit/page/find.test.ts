import assert from "node:assert/strict";
import { chownSync } from "node:fs";
import { test } from "node:test";
import { listAttached } from "../../../driver/status.ts";
import { type Libc, openLibc } from "../../../ffi/libc.ts";
import { aliveSince } from "../../../ffi/process.ts";
import { createMemfd, SEALED_SIZE, type SharedMemory } from "../../../ffi/shared_memory.ts";
import { AppPage } from "../../../page/app_page.ts";
import { DriverPage } from "../../../page/driver_page.ts";
import { PageError } from "../../../page/errors.ts";
import { Fields } from "../../../page/fields.ts";
import { PAGE_BYTES, PAGE_MAGIC, PAGE_NAME, PAGE_VERSION } from "../../../page/layout.ts";
import { startProgram } from "../../support/child.ts";
import { countDescriptors } from "../../support/descriptors.ts";
import { countOpens, startImpostor } from "../../support/impostor.ts";
import { seal, sealableMemfd, writeSeals } from "../../support/sealed_memfd.ts";
import { waitFor } from "../../support/time.ts";

/** A memfd that differs from a page in what is given. */
function falsePage(
  libc: Libc,
  more: { bytes?: number; sealed?: boolean; version?: number; pid?: number; magic?: string },
): SharedMemory {
  const { bytes = PAGE_BYTES, sealed = true, version = PAGE_VERSION, pid = process.pid, magic = PAGE_MAGIC } = more;
  const memory = createMemfd(libc, PAGE_NAME, bytes, { sealed });
  if (bytes >= PAGE_BYTES) {
    const fields = new Fields(libc, memory);
    fields.set("version", version);
    fields.set("pid", pid);
    fields.setText("magic", magic);
  }
  return memory;
}

const isRoot = process.getuid?.() === 0;

async function rejected(pid: number): Promise<PageError> {
  const before = countDescriptors(/pidfd|memfd/);
  try {
    (await DriverPage.open(pid))[Symbol.dispose]();
  } catch (error) {
    assert.ok(error instanceof PageError, String(error));
    assert.ok(countDescriptors(/pidfd|memfd/) <= before, "it left a descriptor open");
    return error;
  }
  throw new Error("a false page was taken");
}

const falsePages = {
  "an unknown version": [{ version: 2 }, /its version is 2, and this program knows 1/],
  "another magic": [{ magic: "criuaway" }, /it is not one of ours/],
  "no seals": [{ sealed: false }, /it is not sealed/],
  "too few bytes": [{ bytes: 4096 }, /its size is wrong/],
  "too many bytes": [{ bytes: 2 * PAGE_BYTES }, /its size is wrong/],
} as const;
for (const [what, [more, message]] of Object.entries(falsePages)) {
  test(`a page with ${what} is damaged`, async () => {
    const libc = await openLibc();
    using _memory = falsePage(libc, more);
    const error = await rejected(process.pid);
    assert.equal(error.code, "damaged");
    assert.match(error.message, message);
  });
}

test("a page that is sealed against writing, so that no driver can use it, is damaged", async () => {
  const libc = await openLibc();
  for (const [name, writing] of Object.entries(writeSeals)) {
    const fd = sealableMemfd(libc, PAGE_NAME, PAGE_BYTES);
    try {
      seal(libc, fd, SEALED_SIZE | writing);
      const error = await rejected(process.pid);
      assert.equal(error.code, "damaged", name);
      assert.match(error.message, /^Cannot use the page of process \d+: .*EPERM/);
      assert.deepEqual(
        (await listAttached()).filter(({ pid }) => pid === process.pid),
        [],
      );
    } finally {
      libc.close(fd);
    }
  }
});

test("a page of another user than root and the user of the process is damaged", {
  skip: !isRoot && "not root",
}, async () => {
  const libc = await openLibc();
  using memory = falsePage(libc, {});
  chownSync(`/proc/self/fd/${memory.fd}`, 12_345, 0);
  const error = await rejected(process.pid);
  assert.equal(error.code, "damaged");
  assert.match(error.message, /it is of another user than the process/);
});

test("a process that shows the page of another one, as a child does between fork and exec, is not attached", async () => {
  const libc = await openLibc();
  using app = new AppPage(libc);
  app.open(23);
  const link = "readlink /proc/$PPID/fd/$fd";
  const find = `for fd in $(ls /proc/$PPID/fd); do [ "$(${link})" != "/memfd:criu-aware (deleted)" ] || break; done`;
  await using child = startProgram("sh", ["-c", `${find}; exec 9<>/proc/$PPID/fd/$fd; ${link}; exec sleep 10`]);
  assert.equal(await child.nextLine(), "/memfd:criu-aware (deleted)");
  assert.equal((await rejected(child.pid)).code, "missing");
  (await DriverPage.open(process.pid))[Symbol.dispose]();
});

for (const [what, make] of Object.entries({
  "a pipe": "mkfifo",
  "a regular file": "touch",
  "a device": "mknod -m 600",
})) {
  test(`${what} that has the name of a page is not opened`, { skip: !isRoot && "not root" }, async () => {
    await using impostor = await startImpostor(`${make} "$page"${what === "a device" ? " c 1 3" : ""}`);
    using opens = await countOpens(`/proc/${impostor.pid}/root/memfd:criu-aware (deleted)`);
    const error = await rejected(impostor.pid);
    assert.equal(error.code, "damaged");
    assert.match(error.message, /it is no memfd/);
    assert.equal(opens.count(), 0);
    assert.deepEqual(
      (await listAttached()).filter(({ pid }) => pid === impostor.pid),
      [],
    );
    assert.equal(opens.count(), 0);
  });
}

test("a false page beside the true one does not hide it", async () => {
  const libc = await openLibc();
  using _before = falsePage(libc, { version: 9 });
  using app = new AppPage(libc);
  using _after = falsePage(libc, { sealed: false });
  app.open(23);
  app.publish("held", "me", { reply: "ready" }, undefined, 0);
  using driver = await DriverPage.open(process.pid);
  assert.equal(driver.status().activeId, "me");
});

test("a process whose page is not open yet is not attached", async () => {
  const libc = await openLibc();
  using _app = new AppPage(libc);
  assert.equal((await rejected(process.pid)).code, "missing");
});

test("a memfd of another name is not looked at", async () => {
  const libc = await openLibc();
  using _memory = createMemfd(libc, `${PAGE_NAME}2`, PAGE_BYTES, { sealed: true });
  assert.equal((await rejected(process.pid)).code, "missing");
});

test("a process that has ended but is not reaped yet has no page", async () => {
  await using parent = startProgram("sh", ["-c", "sleep 0.03 & echo $!; exec sleep 10"]);
  const pid = Number(await parent.nextLine());
  await waitFor("a zombie", () => aliveSince(pid) === undefined);
  const error = await rejected(pid);
  assert.equal(error.code, "missing");
});

test("without the right to look it is forbidden", { skip: !isRoot && "not root" }, async () => {
  await using child = startProgram("sleep", ["10"]);
  const libc = await openLibc();
  // The effective uid of this thread alone: setresuid(2) without libc, which would change all threads.
  const setresuid = process.arch === "arm64" ? 147 : 117;
  const become = (uid: number): void =>
    void libc.check(libc.syscall(setresuid, -1, uid, -1, 0, 0, 0), `become user ${uid}`);
  become(65_534);
  let error: PageError;
  try {
    error = await rejected(child.pid);
  } finally {
    become(0);
  }
  assert.equal(error.code, "forbidden");
  assert.match(error.message, /be root or its user/);
});
