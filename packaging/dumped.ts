/** `samples/app.ts` goes through its checkpoints, by the installed command, as a user would type it. */
import { readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { locateCriu } from "../criu/locate.ts";
import { output, type Packed, Skipped } from "./check.ts";

/** How long a step may take on a machine that is busy, in milliseconds. */
const PATIENCE = "60000";

/** How a runtime runs a script, and the command. */
export interface Commands {
  readonly run: readonly string[];
  readonly command: readonly string[];
  /** The app cannot ask for its own dump in this version. */
  readonly asksNot?: boolean;
}

/**
 * Starts the app, simulates a checkpoint, has the app ask for its own dump, dumps it and restores it.
 * @throws {Skipped} where CRIU cannot work, after the simulation.
 */
export async function dumpAndRestore({ directory }: Packed, { run, command, asksNot }: Commands): Promise<void> {
  if (process.platform !== "linux") throw new Skipped("attach() works on Linux only");
  const criu = findCriu();
  const PATH = [...(criu.path ? [dirname(criu.path)] : []), process.env.PATH].join(delimiter);
  // Where the command may look for a CRIU of its own is nobody's business here.
  const env = { PATH, XDG_DATA_HOME: join(directory, "data") };
  const criuAware = (...args: readonly string[]) => output([...command, ...args], { cwd: directory, env });
  const log = join(directory, `app-${performance.now()}.log`);
  const said = async (line: string): Promise<void> => {
    for (const end = Date.now() + Number(PATIENCE); ; await sleep(20)) {
      const text = readFileSync(log, "utf8");
      if (text.includes(`${line}\n`)) return;
      if (Date.now() > end) throw new Error(`the app did not say "${line}", but: ${text}`);
    }
  };
  const started = await criuAware(
    "run",
    "--wait",
    "--timeout-ms",
    PATIENCE,
    "--log",
    log,
    "--",
    ...run,
    join(directory, "app.ts"),
  );
  const pid = Number(started.trim());
  const images = join(directory, `images-${pid}`);
  try {
    await criuAware("simulate", String(pid), "--timeout-ms", PATIENCE);
    await said("simulated");
    if (criu.missing) throw new Skipped(`simulated; not dumped: ${criu.missing}`);
    if (!asksNot) {
      process.kill(pid, "SIGUSR2");
      await said("asked for it: continued");
    }
    await criuAware("dump", String(pid), "-D", images, "--timeout-ms", PATIENCE);
    await criuAware("restore", images, "--timeout-ms", PATIENCE);
    await said("restored");
    const { lastOutcome } = JSON.parse(await criuAware("status", String(pid), "--json"));
    if (lastOutcome !== "restored") throw new Error(`the last outcome is ${lastOutcome}`);
  } finally {
    try {
      process.kill(pid, "SIGKILL");
    } catch {}
  }
}

/** The CRIU of this machine. @throws {Skipped} where it cannot work. */
export function criuHere(): string {
  const { path, missing } = findCriu();
  if (path === undefined) throw new Skipped(`the dump: ${missing}`);
  return path;
}

/** The CRIU of this machine, or why there is none. */
function findCriu(): { readonly path?: string; readonly missing?: string } {
  if (process.geteuid?.() !== 0) return { missing: "CRIU needs root" };
  try {
    return { path: locateCriu() };
  } catch (error) {
    return { missing: (error as Error).message };
  }
}
