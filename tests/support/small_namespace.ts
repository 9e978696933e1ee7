import { spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Closes what this process has open: CRIU would meet it in the namespace, on a mount that is not there. */
const clean = "for fd in $(ls /proc/self/fd); do [ $fd -gt 2 ] && eval 'exec '$fd'>&-'; done 2>/dev/null;";

/** A command for a shell. */
export function quoted(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
}

/**
 * Runs a shell script as the init of a new pid namespace, where processes get the first pids, and resolves with what it prints and
 * its exit code.
 */
export async function inSmallNamespace(
  directory: string,
  script: string,
): Promise<{ readonly code: number | null; readonly text: string }> {
  const path = join(directory, "script");
  const output = join(directory, "output");
  writeFileSync(path, `${script}\n`);
  const command = `${clean} exec unshare --pid --fork --mount-proc sh ${path} >${output} 2>&1 </dev/null`;
  const child = spawn("bash", ["-c", command], { stdio: "ignore" });
  const code = await new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  return { code, text: readFileSync(output, "utf8") };
}
