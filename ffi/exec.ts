import { readFileSync } from "node:fs";
import { bytesOf, cString } from "./bytes.ts";
import type { Libc } from "./libc.ts";

const symbols = { execve: [["buffer", "buffer", "buffer"], "i32"] } as const;

/**
 * Starts this program anew in this process, with the same arguments: execve(2). It keeps its pid and its standard streams, and gets
 * new threads. Returns only when that fails.
 */
export function startAnew(libc: Libc, env: Readonly<Record<string, string | undefined>>): void {
  const { execve } = libc.runtime.dlopen(libc.soname, symbols);
  const words = readFileSync("/proc/self/cmdline", "utf8").split("\0").slice(0, -1);
  const settings = Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : `${name}=${value}`));
  const strings = [words, settings].map((texts) => texts.map(cString));
  const [argv, envp] = strings.map((texts) => bytesOf(new BigUint64Array([...texts.map(libc.runtime.addressOf), 0n])));
  execve(cString("/proc/self/exe"), argv as Uint8Array, envp as Uint8Array);
}
