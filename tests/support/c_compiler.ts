import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { temporaryDirectory } from "./temporary_directory.ts";

const headers = [
  "errno.h",
  "fcntl.h",
  "linux/bpf.h",
  "linux/futex.h",
  "linux/openat2.h",
  "linux/tcp.h",
  "netinet/in.h",
  "poll.h",
  "signal.h",
  "stddef.h",
  "stdio.h",
  "sys/epoll.h",
  "sys/eventfd.h",
  "sys/file.h",
  "sys/inotify.h",
  "sys/mman.h",
  "sys/prctl.h",
  "sys/socket.h",
  "sys/stat.h",
  "sys/syscall.h",
  "sys/un.h",
  "sys/wait.h",
  "time.h",
  "unistd.h",
];

/** Why the headers cannot be asked; false when they can. */
export function noCompiler(): string | false {
  return spawnSync("cc", ["--version"]).status === 0 ? false : "no C compiler";
}

/** What the C expressions are on this machine, as integers. Throws with the compiler's words when one is none. */
export function evaluateC(expressions: readonly string[]): Record<string, bigint> {
  using directory = temporaryDirectory();
  const source = `${directory.path}/a.c`;
  const lines = expressions.map((expression) => `  printf("%lld\\n", (long long)(${expression}));`);
  const includes = headers.map((header) => `#include <${header}>`);
  writeFileSync(
    source,
    ["#define _GNU_SOURCE", ...includes, "int main(void) {", ...lines, "  return 0;", "}"].join("\n"),
  );
  const compiled = spawnSync("cc", ["-o", `${directory.path}/a`, source], { encoding: "utf8" });
  if (compiled.status !== 0) throw new Error(compiled.stderr);
  const values = spawnSync(`${directory.path}/a`, { encoding: "utf8" }).stdout.trim().split("\n");
  return Object.fromEntries(expressions.map((expression, i) => [expression, BigInt(values[i] as string)]));
}

/** The constants in capitals of a TypeScript file that are integers, as they are on this CPU. */
export function constantsIn(path: string): Record<string, bigint> {
  const text = readFileSync(path, "utf8");
  const found = [...text.matchAll(/^(?:export )?const ([A-Z][A-Z0-9_]*) = ([^;]+);/gm)];
  const constants: Record<string, bigint> = {};
  for (const [, name, expression] of found as unknown as [string, string, string][]) {
    const choice = /^process\.arch === "arm64" \? (.+) : (.+)$/.exec(expression);
    const chosen = choice ? (process.arch === "arm64" ? choice[1] : choice[2]) : expression;
    const terms = (chosen as string).split("|").map((term) => term.trim().replace(/_(?=\d)|n$/g, ""));
    if (terms.every((term) => /^(0[xob])?[0-9a-fA-F]+$/.test(term))) {
      constants[name] = terms.reduce((sum, term) => sum | BigInt(term), 0n);
    }
  }
  return constants;
}
