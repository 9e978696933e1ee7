import assert from "node:assert/strict";
import { test } from "node:test";
import { type Libc, openLibc } from "../../../ffi/libc.ts";
import { aliveSince } from "../../../ffi/process.ts";
import { createMemfd, type SharedMemory } from "../../../ffi/shared_memory.ts";
import { AppPage } from "../../../page/app_page.ts";
import { DriverPage } from "../../../page/driver_page.ts";
import { PageError } from "../../../page/errors.ts";
import { Fields } from "../../../page/fields.ts";
import { PAGE_BYTES, PAGE_MAGIC, PAGE_NAME, PAGE_VERSION } from "../../../page/layout.ts";
import { startProgram } from "../../support/child.ts";
import { countDescriptors } from "../../support/descriptors.ts";
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
  "another magic": [{ magic: "criuaway" }, /not open yet, or not one of ours/],
  "no magic yet": [{ magic: "" }, /not open yet/],
  "no seals": [{ sealed: false }, /it is not sealed/],
  "too few bytes": [{ bytes: 4096 }, /its size is wrong/],
  "too many bytes": [{ bytes: 2 * PAGE_BYTES }, /its size is wrong/],
  "the pid of another process": [{ pid: 1 }, /it belongs to another process/],
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

test("a page that is not open yet is not taken", async () => {
  const libc = await openLibc();
  using _app = new AppPage(libc);
  assert.equal((await rejected(process.pid)).code, "damaged");
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

test("without the right to look it is forbidden", { skip: process.getuid?.() !== 0 && "not root" }, async () => {
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
