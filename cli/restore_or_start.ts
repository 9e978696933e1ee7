import { existsSync } from "node:fs";
import { join } from "node:path";
import { printable } from "../ffi/printable.ts";
import { aliveSince } from "../ffi/process.ts";
import { type EngineFlags, pickEngine } from "./engine.ts";
import type { Launched } from "./launch.ts";
import type { ProgramOutput } from "./output.ts";
import { messageOf, say } from "./report.ts";

/** How a program came to run. */
export interface Running extends Launched {
  /** What is wrong with it since it was restored. */
  readonly problems: readonly string[];
  readonly how: "started" | "restored";
  /** Why it was not restored, when it should have been. */
  readonly why?: string;
}

/** The flags of `run` that a restore needs. */
export interface RestoreFlags extends EngineFlags {
  readonly foreground?: boolean;
  readonly timeoutMs: number;
  readonly restoreOrStart?: string;
  readonly trustImages?: boolean;
  /** Options of CRIU itself, as its command line has them. */
  readonly criuOption?: readonly string[];
}

/** Restores the program when there is an image that fits, and otherwise calls `start` and says why. */
export async function restoreOrStart(
  start: () => Promise<Launched>,
  output: ProgramOutput,
  flags: RestoreFlags,
): Promise<Running> {
  const { restoreOrStart: imagesDir } = flags;
  const restored = imagesDir === undefined ? undefined : await tryRestore(imagesDir, output, flags);
  if (typeof restored === "object") return { ...restored, how: "restored" };
  if (restored !== undefined) say(`criu-aware run: not restored: ${restored}`);
  return { ...(await start()), how: "started", problems: [], ...(restored === undefined ? {} : { why: restored }) };
}

/** The restored program, or why there is none. */
async function tryRestore(
  imagesDir: string,
  output: ProgramOutput,
  flags: RestoreFlags,
): Promise<(Launched & Pick<Running, "problems">) | string> {
  if (!existsSync(join(imagesDir, "inventory.img"))) return `there is no image in ${printable(imagesDir)}`;
  const { timeoutMs, trustImages = false } = flags;
  output.prepare();
  const { parseArguments } = await import("../criu/options.ts");
  // The mode of its log is no matter; as a child of this process it is not told, when CRIU ends, that its parent has.
  const own = { skipFileRwxCheck: true, ...(flags.foreground ? { restoreSibling: true } : {}) };
  const criuOptions = { ...own, ...parseArguments(flags.criuOption ?? []) };
  const onHook = (hook: string, pid?: number): void => {
    if (hook === "post-restore" && pid !== undefined) output.adopt(pid);
  };
  const { openLibc } = await import("../ffi/libc.ts");
  const { adoptOrphans, awaitEnd } = await import("../ffi/subreaper.ts");
  const libc = await openLibc();
  try {
    const engine = await pickEngine(flags);
    using _ = flags.foreground ? adoptOrphans(libc) : undefined;
    const { pid, processes } = await engine.restore({ imagesDir, timeoutMs, trustImages, criuOptions, onHook });
    const problems = processes.flatMap((process) =>
      process.problems.map((problem) => `process ${process.pid}: ${printable(problem)}`),
    );
    const ended = flags.foreground ? awaitEnd(libc, pid) : Promise.resolve(0);
    if (problems.length > 0 && aliveSince(pid) === undefined) return problems.join("; ");
    return { problems, pid, ended, release() {} };
  } catch (error) {
    return messageOf(error);
  }
}
