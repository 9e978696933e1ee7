/**
 * A hostile process: attached, and with all that may lead a driver of root's astray. `hostile_app.ts DIRECTORY SOCKET SENTINEL`, started
 * as another user in a user and mount namespace of its own. Each line on its standard input, a number, makes it another kind;
 * it answers with the name of the kind. The kinds follow each other, and each is filled by a random generator with that seed.
 */
import { closeSync, mkdirSync, openSync, readdirSync, readlinkSync, writeFileSync, writeSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { cString } from "../../ffi/bytes.ts";
import { openLibc } from "../../ffi/libc.ts";
import { createMemfd } from "../../ffi/shared_memory.ts";
import { AppPage } from "../../page/app_page.ts";
import type { Endpoint, PageDocument } from "../../page/document.ts";
import { type Fields, Fields as PageFields } from "../../page/fields.ts";
import { numbers, PAGE_BYTES, PAGE_MAGIC, PAGE_NAME, PAGE_VERSION, texts } from "../../page/layout.ts";
import { seededRandom } from "./own_page.ts";

const [directory, victimSocket, sentinel] = process.argv.slice(2) as [string, string, string];
const O_PATH = 0o10000000;
const MS_BIND = 4096;
const URG = 23;
const fds = "/old/proc/self/fd";
const calls = { mount: 165n, pivotRoot: 155n, dup3: 292n } as const;

const libc = await openLibc();
const call = (number: bigint, ...args: readonly (string | number)[]): void => {
  const kept = args.map((arg) => (typeof arg === "string" ? cString(arg) : BigInt(arg)));
  const [a = 0n, b = 0n, c = 0n, d = 0n, e = 0n] = kept.map((arg) =>
    typeof arg === "bigint" ? arg : libc.runtime.addressOf(arg),
  );
  libc.check(libc.syscall(number, a, b, c, d, e, 0n), `system call ${number} with ${args.join(", ")}`);
};

// A signal that a driver sends is no end.
for (const signal of ["SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGINT", "SIGALRM", "SIGURG", "SIGIO"] as const) {
  process.on(signal, () => {});
}

/** What is behind the name of a page and is none: bound over each other, so that all have the same name. */
function lookAlikes(): readonly number[] {
  const root = join(directory, "root");
  const name = `memfd:${PAGE_NAME} (deleted)`;
  const things = join(directory, "things");
  mkdirSync(root);
  mkdirSync(things);
  call(calls.mount, "tmpfs", root, "tmpfs", 0, "");
  writeFileSync(join(root, name), "x".repeat(PAGE_BYTES));
  mkdirSync(join(root, "old"));
  libc.check(fifo(join(things, "fifo")), "make a FIFO");
  const targets = [join(things, "fifo"), "/dev/null", "/dev/zero", sentinel];
  const plain = openSync(join(root, name), O_PATH);
  const opened = targets.map((target) => {
    call(calls.mount, target, join(root, name), "", MS_BIND, "");
    return openSync(join(root, name), O_PATH);
  });
  call(calls.pivotRoot, root, join(root, "old"));
  return [plain, ...opened];
}

function fifo(path: string): number {
  const { mkfifo } = libc.runtime.dlopen(libc.soname, { mkfifo: [["buffer", "u32"], "i32"] } as const);
  return mkfifo(cString(path), 0o600);
}

const nasty = [
  "\x1b[2J",
  "\u009b31m",
  "\u202e",
  "\u2066",
  "\u2028",
  "two\nlines",
  "..",
  ".",
  "",
  "/",
  "\0",
  "\ud800",
  "%s%n",
  "$(id)",
  "x".repeat(3000),
];
const foreign = [sentinel, `${sentinel}/x`, `${sentinel}/..`, join(directory, "..", "sentinel"), "/proc/self/mem"];
const foreignKinds = [
  "/dev/null/x",
  join(directory, "things"),
  join(directory, "things/fifo"),
  "/proc/1/root",
  "relative",
];

// Answers to a request that are none.
const answers = [
  '{"reply":"weird"}',
  "5",
  "[]",
  "null",
  '{"reply":"refused","reasons":5}',
  '{"reply":"refused"}',
  '"ready"',
];
const talker = join(directory, "talker");
let said = 0;
createServer((client) => {
  client.on("error", () => {});
  const kind = said++ % (answers.length + 3);
  if (kind === answers.length) return void client.write("x".repeat(200_000));
  if (kind === answers.length + 1) return; // silence
  if (kind === answers.length + 2) return void client.end("no JSON\n");
  client.write(`{"jsonrpc":"2.0","id":1,"result":${answers[kind]}}\n`);
}).listen(talker);

const alike = lookAlikes();
// After the change of the root: what a page names is seen from there.
const before = (path: string): string => join("/old", path);
let random = seededRandom(1);
const pick = <T>(list: readonly T[]): T => list[random() % list.length] as T;
let page = new AppPage(libc);
let ending: (() => void)[] = [];

function show(strategies: readonly Endpoint[], change: Partial<PageDocument> = {}): Fields {
  page.noticeSignal = URG;
  page.describe({ runtime: { name: "bun", version: "1" }, strategies, resources: [], lastRound: undefined, ...change });
  page.open(URG);
  return page.fields;
}

/** A memfd with the name of a page, which is closed again with the kind. */
function memfd(bytes: number, sealed: boolean): Fields | undefined {
  const memory = createMemfd(libc, PAGE_NAME, bytes, { sealed });
  ending.push(() => memory[Symbol.dispose]());
  if (bytes < PAGE_BYTES) return undefined;
  const fields = new PageFields(libc, memory);
  fields.set("version", PAGE_VERSION);
  fields.set("pid", process.pid);
  fields.setText("magic", PAGE_MAGIC);
  return fields;
}

function scramble(fields: Fields): void {
  for (const name of Object.keys(numbers) as (keyof typeof numbers)[]) {
    if (name !== "version" && name !== "pid" && random() % 3 === 0) fields.set(name, random());
  }
  for (const name of Object.keys(texts) as (keyof typeof texts)[]) {
    if (name !== "magic" && random() % 3 === 0) fields.setText(name, pick(nasty).repeat(1 + (random() % 50)));
  }
}

const kinds: Readonly<Record<string, () => void>> = {
  // The real page is closed: these alone are left.
  "look-alikes": () => page[Symbol.dispose](),
  "a short page": () => {
    page[Symbol.dispose]();
    memfd(4096, true);
  },
  "a page without seals": () => {
    page[Symbol.dispose]();
    memfd(PAGE_BYTES, false);
  },
  "random fields": () => scramble(show([{ kind: "signal", signal: URG }])),
  "a marker elsewhere": () =>
    void show([{ kind: "file", path: pick([...foreign, ...foreignKinds].flatMap((path) => [path, before(path)])) }]),
  "a marker with a bad name": () => void show([{ kind: "file", path: `${before(directory)}/${pick(nasty)}` }]),
  "the socket of another app": () => void show([{ kind: "socket", path: before(victimSocket) }]),
  "a socket that answers wrongly": () => void show([{ kind: "socket", path: before(talker) }]),
  "a socket that is none": () => void show([{ kind: "socket", path: before(pick([...foreign, ...foreignKinds])) }]),
  "names that are not safe to print": () =>
    void show([{ kind: pick(nasty) }], { resources: nasty, runtime: { name: pick(nasty), version: pick(nasty) } }),
  "a long list": () => void show([], { resources: Array.from({ length: 5000 }, () => "n") }),
  "deep JSON": () => show([]).setText("document", "[".repeat(50_000)),
  "a signal that ends": () =>
    show([{ kind: "signal", signal: 9 }]).set("noticeSignal", pick([0, 9, 19, 65, 0xffffffff, 1, 15])),
  "the pid of another": () => show([]).set("pid", 1),
  "a page that never stands still": () => {
    const fields = show([{ kind: "signal", signal: URG }]);
    const timer = setInterval(() => {
      for (const end = performance.now() + 20; performance.now() < end; ) {
        fields.setText("activeId", String(random()));
        fields.increment("changes");
        fields.increment("documentSequence");
      }
    }, 21);
    ending.push(() => clearInterval(timer));
  },
  "a descriptor that is another each time": () => {
    show([{ kind: "signal", signal: URG }]);
    const own = Number(readdirSync(fds).find((fd) => isPage(fd) && !alike.includes(Number(fd))));
    const swapped = openSync("/old/dev/null", O_PATH);
    const timer = setInterval(() => {
      for (const end = performance.now() + 20; performance.now() < end; ) {
        for (const fd of [...alike, own]) call(calls.dup3, fd, swapped, 0);
      }
    }, 21);
    ending.push(
      () => clearInterval(timer),
      () => closeSync(swapped),
    );
  },
};

function isPage(fd: string): boolean {
  try {
    return readlinkSync(`${fds}/${fd}`) === `/memfd:${PAGE_NAME} (deleted)`;
  } catch {
    return false;
  }
}

const names = Object.keys(kinds);
writeSync(1, `${JSON.stringify({ kinds: names.length, alike })}\n`);
for await (const line of createInterface({ input: process.stdin })) {
  for (const end of ending.splice(0)) end();
  page[Symbol.dispose]();
  page = new AppPage(libc);
  ending = [];
  random = seededRandom(Number(line));
  const name = names[Number(line) % names.length] as string;
  kinds[name]?.();
  writeSync(1, `${name}\n`);
}
