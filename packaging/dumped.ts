/** A real dump and restore of `samples/app.ts` by the installed command, as a user would type it. */
import { readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { locateCriu } from "../criu/locate.ts";
import { output, type Packed, Skipped } from "./check.ts";

/** How a runtime runs a script and the command, in the directory of the project. */
export interface Commands {
  readonly run: readonly string[];
  readonly command: readonly string[];
}

/** @throws {Skipped} where CRIU cannot work. */
export async function dumpAndRestore({ directory }: Packed, { run, command }: Commands): Promise<void> {
  const PATH = [dirname(criuHere()), process.env.PATH].join(delimiter);
  // Where the command may look for a CRIU of its own is nobody's business here.
  const env = { PATH, XDG_DATA_HOME: join(directory, "data") };
  const criuAware = (...args: readonly string[]) => output([...command, ...args], { cwd: directory, env });
  const log = join(directory, "app.log");
  const images = join(directory, "images");
  const started = await criuAware("run", "--wait", "--log", log, "--", ...run, join(directory, "app.ts"));
  const pid = Number(started.trim());
  try {
    await criuAware("dump", String(pid), "-D", images);
    await criuAware("restore", images);
    const status = JSON.parse(await criuAware("status", String(pid), "--json"));
    if (status.lastOutcome !== "restored") throw new Error(`the status is ${JSON.stringify(status)}`);
    const said = readFileSync(log, "utf8");
    if (!said.includes("restored 1\n")) throw new Error(`the app said: ${said}`);
  } finally {
    try {
      process.kill(pid, "SIGKILL");
    } catch {}
  }
}

/** The CRIU of this machine. @throws {Skipped} where it cannot work. */
export function criuHere(): string {
  if (process.platform !== "linux") throw new Skipped("the dump: CRIU runs on Linux only");
  if (process.geteuid?.() !== 0) throw new Skipped("the dump: CRIU needs root");
  try {
    return locateCriu();
  } catch (error) {
    throw new Skipped(`the dump: ${(error as Error).message}`);
  }
}
