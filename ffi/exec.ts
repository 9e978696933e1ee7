import { readFileSync } from "node:fs";
import { bytesOf, cString } from "./bytes.ts";
import type { Libc } from "./libc.ts";

const symbols = { execve: [["buffer", "buffer", "buffer"], "i32"] } as const;

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Starts this program anew in this process, with the same arguments: execve(2). It keeps its pid and its standard streams, and gets
 * new threads. Returns only when that fails.
 */
export function startAnew(libc: Libc, env: Environment): void {
  const words = readFileSync("/proc/self/cmdline", "utf8").split("\0").slice(0, -1);
  startInstead(libc, "/proc/self/exe", words, env);
}

/** The same for another program: the file `path`, to which `words` are its command line. */
export function startInstead(libc: Libc, path: string, words: readonly string[], env: Environment): void {
  const { execve } = libc.runtime.dlopen(libc.soname, symbols);
  const settings = Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : `${name}=${value}`));
  const strings = [words, settings].map((texts) => texts.map(cString));
  const [argv, envp] = strings.map((texts) => bytesOf(new BigUint64Array([...texts.map(libc.runtime.addressOf), 0n])));
  execve(cString(path), argv as Uint8Array, envp as Uint8Array);
}
