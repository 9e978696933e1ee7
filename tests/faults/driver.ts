/** A driver of its own process, that dumps and restores an app, and is hit by a fault meanwhile. Argument: its options, as JSON. */
import { execFileSync } from "node:child_process";
import { readdirSync } from "node:fs";
import process from "node:process";
import { command, rpc, simulate } from "criu-aware/driver";
import type { DriverOptions } from "./driver_options.ts";

const options: DriverOptions = JSON.parse(process.argv[2] as string);
const { pid, imagesDir, diesAt, isLimited, timeoutMs = 10_000 } = options;
const engine = { rpc, command, simulate }[options.engine]();
const die = (at: string): void => {
  if (at === diesAt) process.kill(process.pid, "SIGKILL");
};
const onPhase = ({ name }: { name: string }): void => die(name);
try {
  if (isLimited) limit();
  const strategy = options.strategy as "signal";
  await engine.dump({ pid, imagesDir, strategy, timeoutMs, leaseMs: 60_000, onPhase, onHook: die });
  await engine.restore({ imagesDir, onPhase, onHook: die });
} catch (error) {
  const { name, message } = error as Error;
  console.log(JSON.stringify({ name, message }));
  process.exitCode = 1;
}

/** The highest descriptor is the limit: what is free below it is soon used up. */
function limit(): void {
  const highest = Math.max(...readdirSync("/proc/self/fd").map(Number));
  execFileSync("prlimit", ["--pid", String(process.pid), `--nofile=${highest + 1}:`]);
}
