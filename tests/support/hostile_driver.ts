/**
 * Drives a hostile app from outside, as root: `hostile_driver.ts PID IMAGES`. For each line `ROUND STRATEGY` on its standard input it asks
 * for the status, notifies by that strategy, looks for blockers and, in every tenth round, dumps; then it prints a line of JSON: how long
 * the slowest took, and the names of the errors.
 */
import { mkdirSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { findBlockers } from "criu-aware/blockers";
import { type Engine, listAttached, rpc, type StrategyName, simulate } from "criu-aware/driver";

const pid = Number(process.argv[2]);
const images = process.argv[3] as string;
const engines: Record<string, Engine> = { simulate: simulate(), rpc: rpc() };

writeSync(1, "ready\n");
for await (const line of createInterface({ input: process.stdin })) {
  const [round = "", name] = line.split(" ");
  const errors: string[] = [];
  let slowestMs = 0;
  const attempt = async (work: () => Promise<unknown>): Promise<void> => {
    const started = performance.now();
    await work().catch((error: Error) => errors.push(`${error.name}: ${error.message}`));
    slowestMs = Math.max(slowestMs, performance.now() - started);
  };
  const dump = (kind: "simulate" | "rpc") => () => {
    const imagesDir = join(images, `${kind}-${round}`);
    mkdirSync(imagesDir, { mode: 0o700 });
    const strategy = name === "any" ? {} : { strategy: name as StrategyName };
    const done = engines[kind]?.dump({
      pid,
      imagesDir,
      timeoutMs: 30,
      leaveRunning: true,
      manifest: false,
      ...strategy,
    });
    return (done ?? Promise.reject()).finally(() => rmSync(imagesDir, { recursive: true, force: true }));
  };
  await attempt(listAttached);
  await attempt(() => findBlockers([pid]));
  await attempt(dump("simulate"));
  if (Number(round) % 10 === 0) await attempt(dump("rpc"));
  writeSync(1, `${JSON.stringify({ slowestMs, errors })}\n`);
}
