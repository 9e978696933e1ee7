import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { launch, openLog } from "../cli/launch.ts";
import type { CriuOptions } from "../criu/options.ts";
import { rpc } from "../driver/engines.ts";
import { describeFailure } from "../driver/rebuilt.ts";
import { endTrees } from "../ffi/end_tree.ts";
import type { Libc } from "../ffi/libc.ts";
import { printableText } from "../ffi/printable.ts";
import { openProcess, type ProcessHandle } from "../ffi/process.ts";
import { processTree } from "../ffi/process_tree.ts";
import { adoptOrphans, awaitEnd } from "../ffi/subreaper.ts";
import type { Draws } from "./collisions.ts";

/** What the program leaves. */
export type Answer = { readonly draws: Draws } | { readonly error: string };

interface Job {
  readonly libc: Libc;
  /** Runs the program; the directory for its answers is added. */
  readonly command: readonly string[];
  /** A private directory for all that is made. */
  readonly directory: string;
  readonly clones: number;
  readonly criuOptions: CriuOptions;
  readonly timeoutMs: number;
}

const LAST_LINES = 20;

/** Starts a program, dumps it, and returns what each of its copies drew. Nothing of it is left. */
export async function drawInClones({
  libc,
  command,
  directory,
  clones,
  criuOptions,
  timeoutMs,
}: Job): Promise<Draws[]> {
  const log = join(directory, "output");
  const fd = openLog(log);
  const imagesDir = join(directory, "images");
  const engine = rpc();
  const draws: Draws[] = [];
  const program = await launch([...command, directory], [fd, fd]);
  let running: ProcessHandle | undefined;
  try {
    running = openProcess(libc, program.pid);
    await answer("The program", running);
    await engine.dump({ pid: program.pid, imagesDir, criuOptions, timeoutMs });
    await end();
    await program.ended;
    // An init may take a second to reap a copy, and until then the next one cannot have its pid.
    using _ = adoptOrphans(libc);
    for (let clone = 1; clone <= clones; clone++) {
      const { processes, ...restored } = await engine.restore({ imagesDir, timeoutMs });
      running = openProcess(libc, restored.pid);
      const errors = processes.flatMap(({ errors }) => errors);
      if (errors.length > 0)
        throw new Error(`Copy ${clone} was not rebuilt: ${errors.map(describeFailure).join("; ")}`);
      draws.push(await answer(`Copy ${clone}`, running));
      const members = processTree(running.pid);
      await end();
      // Somebody else may have reaped it.
      for (const pid of members) await awaitEnd(libc, pid).catch(() => {});
    }
    return draws;
  } finally {
    await end();
  }

  /** Ends the tree that is there. */
  async function end(): Promise<void> {
    const root = running;
    running = undefined;
    if (!root) return;
    await endTrees(libc, [root]);
    root[Symbol.dispose]();
  }

  /** Waits for what the program leaves, and takes it away. */
  async function answer(who: string, process: ProcessHandle): Promise<Draws> {
    const path = join(directory, "answer");
    for (const until = performance.now() + timeoutMs; !existsSync(path); await sleep(5)) {
      if (!process.isAlive() && !existsSync(path)) throw failure(`${who} has ended`);
      if (performance.now() > until) throw failure(`${who} has not answered within ${timeoutMs} ms`);
    }
    const found = JSON.parse(readFileSync(path, "utf8")) as Answer;
    rmSync(path);
    if ("error" in found) throw failure(`${who}: ${found.error}`);
    return found.draws;
  }

  function failure(what: string): Error {
    const lines = readFileSync(log, "utf8").trimEnd().split("\n").slice(-LAST_LINES).join("\n");
    return new Error(printableText(lines === "" ? what : `${what}. The end of its output:\n${lines}`));
  }
}
