import type { StdioOptions } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Drive, End, Run } from "./drive.ts";
import { dumpTree } from "./dump.ts";
import type { Engine } from "./engine.ts";
import { HookChannel } from "./hook_channel.ts";
import { findCriu, type LocatedCriu } from "./locate.ts";
import { passDescriptors, toArguments } from "./options.ts";
import { restoreTree } from "./restore.ts";

const restoreHooks = ["pre-restore", "post-restore", "pre-resume", "post-resume"];
const hook = join(import.meta.dirname as string, "hook.sh");

/** Options of an engine that runs CRIU. */
export interface CriuEngineOptions {
  /** The criu binary. @default that of our set-up, else the one on the PATH */
  readonly criu?: string;
}

/**
 * Drives the `criu` binary, with our action script. The script asks this process (hook_channel.ts): when this process dies, the
 * script fails, CRIU gives up, and the apps go on.
 *
 * @throws {CriuError} when CRIU is missing or too old.
 * @example
 * ```ts
 * import { command } from "criu-aware/criu";
 * const { noticeToReadyMs } = await command().dump({ pid: 1234, imagesDir: "/var/tmp/images" });
 * ```
 */
export function command(options: CriuEngineOptions = {}): Engine {
  const drive = driveCommand(findCriu(options.criu));
  return {
    kind: "command",
    dump: (dump) => dumpTree(drive, dump),
    restore: (restore) => restoreTree(drive, restore),
  };
}

function driveCommand({ path: criu, version }: LocatedCriu): Drive {
  return {
    version,
    async dump(run) {
      using channel = await HookChannel.open(["pre-dump", "post-dump"], run.onHook);
      const leave = run.leaveRunning ? ["--leave-running"] : [];
      return await runCriu(criu, ["dump", "--tree", String(run.pid), ...leave], run, channel);
    },
    async restore(run) {
      const pidFile = join(run.imagesDir, "restore.pid");
      rmSync(pidFile, { force: true });
      const args = ["restore", "--restore-detached", "--pidfile", pidFile];
      // A process more at each hook: only when somebody listens.
      using channel = run.asks ? await HookChannel.open(restoreHooks, run.onHook) : undefined;
      const end = await runCriu(criu, args, run, channel);
      const pid = end.exitCode === 0 ? Number(readFileSync(pidFile, "utf8")) : 0;
      rmSync(pidFile, { force: true });
      return { ...end, pid };
    },
  };
}

async function runCriu(criu: string, args: string[], run: Run, channel: HookChannel | undefined): Promise<End> {
  const { fds, criuOptions } = passDescriptors(run.criuOptions, 3);
  const all = [...args, "--images-dir", run.imagesDir, "--log-file", run.log, ...toArguments(criuOptions)];
  if (channel) all.push("--action-script", hook);
  const env = { ...process.env, ...channel?.env };
  // Not at import: an app that drives CRIU by RPC needs no zx.
  const { $ } = await import("zx");
  const stdio: StdioOptions = ["ignore", "pipe", "pipe", ...fds];
  // Detached: Ctrl-C of a terminal would reach it as well, and kill it in the middle of its work.
  const { exitCode, stderr } = await $({
    quiet: true,
    nothrow: true,
    env,
    stdio,
    detached: true,
  })`exec ${criu} ${all}`;
  return { exitCode, stderr };
}
