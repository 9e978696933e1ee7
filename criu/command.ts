import type { StdioOptions } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { HookChannel } from "./hook_channel.ts";
import type { ChosenCriu } from "./locate.ts";
import { passDescriptors, toArguments } from "./options.ts";
import { type End, PID_FILE, type Run, type Runner } from "./run.ts";
import { noTerminal, type TerminalUse, terminalFor } from "./terminal.ts";

const restoreHooks = ["pre-restore", "post-restore", "pre-resume", "post-resume"];

/** Runs the `criu` binary, with our action script, which asks this process through its pipes (hook_channel.ts). */
export function commandRunner({ path: criu, version }: ChosenCriu): Runner {
  return {
    criu,
    version,
    async dump(run) {
      using channel = await HookChannel.open(["pre-dump", "post-dump"], run.onHook);
      const leave = run.leaveRunning ? ["--leave-running"] : [];
      return await runCriu(criu, ["dump", "--tree", String(run.pid), ...leave], run, channel, noTerminal);
    },
    async restore(run) {
      const pidFile = join(run.workDir, PID_FILE);
      const terminal = await terminalFor(run.criuOptions);
      const args = ["restore", "--restore-detached", "--pidfile", pidFile];
      // A process more at each hook: only when somebody listens.
      using channel = run.asks ? await HookChannel.open(restoreHooks, run.onHook) : undefined;
      const end = await runCriu(criu, args, run, channel, terminal);
      return { ...end, pid: end.exitCode === 0 ? Number(readFileSync(pidFile, "utf8")) : 0 };
    },
  };
}

async function runCriu(
  criu: string,
  args: string[],
  run: Run,
  channel: HookChannel | undefined,
  { stdin, detached }: TerminalUse,
): Promise<End> {
  const { fds, criuOptions } = passDescriptors(run.criuOptions, 3);
  const places = ["--images-dir", run.imagesDir, "--work-dir", run.workDir, "--log-file", run.log];
  const all = [...args, ...places, ...toArguments(criuOptions)];
  if (channel) all.push("--action-script", channel.script);
  const env = { ...process.env, ...channel?.env };
  // Not at import: an app that drives CRIU by RPC needs no zx.
  const { $ } = await import("zx");
  const stdio: StdioOptions = [stdin, "pipe", "pipe", ...fds];
  const running = $({ quiet: true, nothrow: true, env, stdio, detached })`exec ${criu} ${all}`;
  if (running.pid !== undefined) run.onStart(running.pid);
  const { exitCode, signal, stderr } = await running;
  return { exitCode, ...(signal ? { signal } : {}), stderr };
}
