/** `samples/app.ts` goes through its checkpoints, by the installed command, as a user would type it. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { Skipped } from "./check.ts";
import { criuAware, criuHere, type User } from "./user.ts";

/** How long a step may take on a machine that is busy, in milliseconds. */
const PATIENCE = "60000";

/**
 * Starts the app, simulates a checkpoint, has the app ask for its own dump, dumps it and restores it, and then restores what it dumped
 * itself.
 * @throws {Skipped} where CRIU cannot work, after the simulation.
 */
export async function dumpAndRestore(user: User, engine: "rpc" | "command" = "rpc"): Promise<void> {
  if (process.platform !== "linux") throw new Skipped("attach() works on Linux only");
  const { directory, run } = user;
  const patient = ["--timeout-ms", PATIENCE];
  const log = join(directory, `app-${performance.now()}.log`);
  const said = async (line: string): Promise<void> => {
    for (const end = Date.now() + Number(PATIENCE); ; await sleep(20)) {
      const text = readFileSync(log, "utf8");
      if (text.includes(`${line}\n`)) return;
      const isOver = Date.now() > end || /^error: /m.test(text);
      if (isOver) throw new Error(`the app did not say "${line}", but: ${text}`);
    }
  };
  const started = await criuAware(user, "run", "--wait", ...patient, "--log", log, "--", ...run, "app.ts");
  const pid = Number(started.trim());
  const images = join(directory, `images-${pid}`);
  try {
    await criuAware(user, "simulate", String(pid), ...patient);
    await said("simulated");
    const { missing } = criuHere();
    if (missing) throw new Skipped(`simulated; not dumped: ${missing}`);
    process.kill(pid, "SIGUSR2");
    await said("asked for it: continued");
    await criuAware(user, "dump", String(pid), "-D", images, "--engine", engine, ...patient);
    await criuAware(user, "restore", images, "--engine", engine, ...patient);
    await said("restored");
    const { lastOutcome } = JSON.parse(await criuAware(user, "status", String(pid), "--json"));
    if (lastOutcome !== "restored") throw new Error(`the last outcome is ${lastOutcome}`);
    process.kill(pid, "SIGKILL");
    await criuAware(user, "restore", join(directory, `own-images-${pid}`), ...patient);
    await said("asked for it: restored");
  } finally {
    try {
      process.kill(pid, "SIGKILL");
    } catch {}
  }
}
