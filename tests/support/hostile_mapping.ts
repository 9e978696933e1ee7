/**
 * A hostile process, started as another user in a user and mount namespace of its own: `hostile_mapping.ts KIND DIRECTORY SENTINEL`.
 * What it maps passes as a page, or becomes one and something else in turn. It prints `ready`. Bun on x64.
 */
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { cString } from "../../ffi/bytes.ts";
import { openLibc } from "../../ffi/libc.ts";
import { createMemfd } from "../../ffi/shared_memory.ts";
import { AppPage } from "../../page/app_page.ts";
import { Fields } from "../../page/fields.ts";
import { PAGE_BYTES, PAGE_MAGIC, PAGE_NAME, PAGE_VERSION } from "../../page/layout.ts";

const [kind, directory, sentinel] = process.argv.slice(2) as [string, string, string];
const MS_BIND = 4096;
const F_SETLEASE = 1024;
const F_WRLCK = 1;
const PROT_READ = 1;
const PROT_WRITE = 2;
const MAP_SHARED = 1;
const MAP_FIXED = 16;
const O_PATH = 0o10000000;
const numbers = { mount: 165n, pivotRoot: 155n, mmap: 9n } as const;

const libc = await openLibc();
const call = (number: bigint, ...args: readonly (string | number | bigint)[]): number => {
  const kept = args.map((arg) => (typeof arg === "string" ? cString(arg) : BigInt(arg)));
  const [a = 0n, b = 0n, c = 0n, d = 0n, e = 0n, f = 0n] = kept.map((arg) =>
    typeof arg === "bigint" ? arg : libc.runtime.addressOf(arg),
  );
  return Number(libc.check(libc.syscall(number, a, b, c, d, e, f), `system call ${number} with ${args.join(", ")}`));
};
for (const signal of ["SIGURG", "SIGIO", "SIGTERM"] as const) process.on(signal, () => {});

/** Changes the root so that the path of a new file, or of what is at `target`, is the name of a page, and opens it. */
function lookAlike(flags: number | string, target?: string): number {
  const root = join(directory, "root");
  const name = join(root, `memfd:${PAGE_NAME} (deleted)`);
  mkdirSync(root);
  call(numbers.mount, "tmpfs", root, "tmpfs", 0, 0);
  writeFileSync(name, new Uint8Array(PAGE_BYTES));
  mkdirSync(join(root, "old"));
  if (target) call(numbers.mount, target, name, 0, MS_BIND, 0);
  const fd = openSync(name, flags);
  call(numbers.pivotRoot, root, join(root, "old"));
  return fd;
}

function fill(memory: { readonly address: bigint; readonly buffer: ArrayBuffer }): Fields {
  const fields = new Fields(libc, memory);
  fields.set("version", PAGE_VERSION);
  fields.set("pid", process.pid);
  fields.set("wakeSignal", 23);
  fields.set("noticeSignal", 23);
  fields.setText("magic", PAGE_MAGIC);
  return fields;
}

function appPage(): AppPage {
  const page = new AppPage(libc);
  page.noticeSignal = 23;
  page.open(23);
  return page;
}

/** For ever, in turns that let nothing else run. */
function inTurn(...steps: readonly (() => void)[]): void {
  setInterval(() => {
    for (const end = performance.now() + 50; performance.now() < end; ) for (const step of steps) step();
  }, 51);
}

const map = (fd: number, address: bigint, protection: number): number =>
  call(numbers.mmap, address, PAGE_BYTES, protection, MAP_SHARED | (address === 0n ? 0 : MAP_FIXED), fd, 0);

function ownFile(): number {
  const fd = lookAlike("r+");
  const bytes = new Uint8Array(PAGE_BYTES);
  fill({ address: 0n, buffer: bytes.buffer });
  writeSync(fd, bytes, 0, PAGE_BYTES, 0);
  map(fd, 0n, PROT_READ | PROT_WRITE);
  return fd;
}

const kinds: Readonly<Record<string, () => void>> = {
  "a file of its own": () => void ownFile(),
  "a file of root's in turn": () => {
    const other = lookAlike("r", sentinel);
    const memory = createMemfd(libc, PAGE_NAME, PAGE_BYTES, { sealed: true });
    fill(memory);
    const at = BigInt(map(memory.fd, 0n, PROT_READ | PROT_WRITE));
    memory[Symbol.dispose]();
    const again = createMemfd(libc, PAGE_NAME, PAGE_BYTES, { sealed: true });
    fill(again);
    inTurn(
      () => map(other, at, PROT_READ),
      () => map(again.fd, at, PROT_READ | PROT_WRITE),
    );
  },
  "a short page": () => void createMemfd(libc, PAGE_NAME, 4096, { sealed: true }),
  "a page that shrinks": () => {
    const memory = createMemfd(libc, PAGE_NAME, PAGE_BYTES, { sealed: false });
    fill(memory);
    libc.check(libc.ftruncate(memory.fd, 100), "shrink");
  },
  "a page that shrinks in turn": () => {
    const memory = createMemfd(libc, PAGE_NAME, PAGE_BYTES, { sealed: false });
    fill(memory);
    inTurn(
      () => libc.ftruncate(memory.fd, 150),
      () => libc.ftruncate(memory.fd, PAGE_BYTES),
    );
  },
  // Who opens it waits until the lease is given back, or broken by the kernel after 45 s: fcntl(2).
  "a file with a lease": () => void libc.check(libc.fcntl(ownFile(), F_SETLEASE, F_WRLCK), "take a lease"),
  "a descriptor of a file of root's": () => void lookAlike(O_PATH, sentinel),
  "a descriptor of a FIFO": () => {
    const path = join(directory, "fifo");
    const { mkfifo } = libc.runtime.dlopen(libc.soname, { mkfifo: [["buffer", "u32"], "i32"] } as const);
    libc.check(mkfifo(cString(path), 0o600), "make a FIFO");
    lookAlike(O_PATH, path);
  },
  "a signal that ends": () => {
    appPage().noticeSignal = 9;
  },
  "reasons that drive a terminal": () => {
    const page = appPage();
    setInterval(() => {
      const notice = page.fields.text("notice");
      if (notice === "") return;
      const reasons = ["\u001b[2J", "\u009b31m", "\u202e", "\u2066", "two\u2028lines\rthree"];
      page.publish("running", JSON.parse(notice).id, { reply: "refused", reasons }, undefined, 0);
    }, 1);
  },
};
kinds[kind]?.();
process.on("exit", () => closeSync(1));
setInterval(() => {}, 1000);
writeSync(1, "ready\n");
