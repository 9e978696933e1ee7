/** Starts a probe app in a shell that never reaps it, and prints its pid. */
import { spawn } from "node:child_process";
import { writeSync } from "node:fs";
import { join } from "node:path";
import { runCommand } from "./runtimes.ts";

const { directory } = JSON.parse(process.argv[2] as string);
const probe = [...runCommand.bun, join(import.meta.dirname as string, "probe_app.ts"), JSON.stringify({ directory })];
const quoted = probe.map((word) => `'${word}'`).join(" ");
// exec: the shell becomes a sleep, which knows nothing of children.
const shell = spawn("sh", ["-c", `setsid ${quoted} </dev/null >${directory}/child 2>&1 & echo $!; exec sleep 60`], {
  stdio: ["ignore", "pipe", "inherit"],
});
shell.stdout.once("data", (data) => {
  const child = Number(String(data));
  const look = setInterval(async () => {
    const { listAttached } = await import("criu-aware/driver");
    if (!(await listAttached()).some(({ pid }) => pid === child)) return;
    clearInterval(look);
    writeSync(1, `${JSON.stringify({ event: "child", child, shell: shell.pid })}\n`);
  }, 50);
});
writeSync(1, `${JSON.stringify({ event: "attached" })}\n`);
