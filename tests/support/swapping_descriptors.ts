/**
 * Opens and closes what the scanner looks at as fast as it can, always under the same numbers: one is now this, now that, now nothing.
 * Argument: a directory of its own for what it locks, deletes and watches.
 */
import { openSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { watchDirectory } from "../../ffi/inotify.ts";
import { openLibc } from "../../ffi/libc.ts";
import { openProcess } from "../../ffi/process.ts";
import { seededRandom } from "./own_page.ts";
import { sealableMemfd } from "./sealed_memfd.ts";

const directory = process.argv[2] as string;
const FIRST = 400;
const NUMBERS = 40;
const [AF_INET, AF_NETLINK, SOCK_STREAM, SOCK_RAW] = [2, 16, 1, 3];
const LOCK_EX = 2;
const O_DIRECT = process.arch === "arm64" ? 0o200000 : 0o40000;

const libc = await openLibc();
const { dup2, flock, socket } = libc.runtime.dlopen(libc.soname, {
  dup2: [["i32", "i32"], "i32"],
  flock: [["i32", "i32"], "i32"],
  socket: [["i32", "i32", "i32"], "i32"],
} as const);

const file = (name: string): number => {
  writeFileSync(join(directory, name), new Uint8Array(2 ** 21));
  return openSync(join(directory, name), "r+");
};
const deleted = file("deleted");
rmSync(join(directory, "deleted"));
const locked = file("locked");
flock(locked, LOCK_EX);
const pipe = new Int32Array(2);
libc.check(libc.pipe2(new Uint8Array(pipe.buffer), O_DIRECT), "open a pipe");
const sources = [
  ...[deleted, locked, ...pipe],
  ...["/dev/zero", "/dev/full", "/proc/self/task/self/stat", "/proc/1/stat"].flatMap((path) => {
    try {
      return [openSync(path, "r")];
    } catch {
      return [];
    }
  }),
  watchDirectory(libc, directory, () => {}).fd,
  openProcess(libc, process.ppid).fd,
  sealableMemfd(libc, "criu-aware"),
  socket(AF_INET, SOCK_STREAM, 0),
  socket(AF_NETLINK, SOCK_RAW, 0),
].filter((fd) => fd >= 0);

console.log("swapping");
for (const random = seededRandom(1); ; ) {
  const number = FIRST + (random() % NUMBERS);
  const source = sources[random() % (sources.length + 3)];
  if (source === undefined) libc.close(number);
  else dup2(source, number);
}
