/** What `trim()` brings: the size of an image and the time of its restore, beside those of the same program without it, in pairs. */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rpc } from "criu-aware/driver";
import { openLibc } from "../ffi/libc.ts";
import { endMarked } from "../ffi/marked_process.ts";
import { adoptOrphans, awaitEnd } from "../ffi/subreaper.ts";
import { dumpableEnv, runCommand, runtimes } from "../tests/support/runtimes.ts";
import { comparePairs, type Row, report } from "./report.ts";

const ROUNDS = 10;
/** The program has come to rest before it is dumped. */
const REST_MS = 300;

interface Measured {
  /** Of all images, in MB. */
  readonly megabytes: number;
  /** The dump, the collection included, in milliseconds. */
  readonly dump: number;
  /** Until the app is rebuilt, in milliseconds. */
  readonly restore: number;
}

export async function bench(json: boolean, rounds: number = ROUNDS): Promise<void> {
  const rows: Row[] = [];
  for (const runtime of runtimes) {
    const pairs: { readonly trimmed: Measured; readonly plain: Measured }[] = [];
    // The first round only warms up.
    for (let round = 0; round <= rounds; round++) {
      const order = Math.random() < 0.5 ? (["trimmed", "as it is"] as const) : (["as it is", "trimmed"] as const);
      const measured = new Map<string, Measured>();
      for (const how of order) measured.set(how, await measure(runCommand[runtime], how));
      if (round > 0) pairs.push({ trimmed: measured.get("trimmed")!, plain: measured.get("as it is")! });
    }
    for (const [what, unit] of [
      ["megabytes", "MB"],
      ["restore", "ms"],
      ["dump", "ms"],
    ] as const) {
      const name = what === "megabytes" ? "images" : what;
      rows.push(
        comparePairs(
          { name: `${name}, trim()`, runtime, unit },
          pairs.map(({ trimmed }) => trimmed[what]),
          { name: `${name}, as it is`, values: pairs.map(({ plain }) => plain[what]) },
        ),
      );
    }
  }
  report("trim", rows, json);
}

/** Starts the program anew, dumps it and restores it. */
async function measure(command: readonly string[], how: string): Promise<Measured> {
  const libc = await openLibc();
  using _adoption = adoptOrphans(libc);
  const directory = mkdtempSync(join(tmpdir(), "criu-aware-bench-"));
  const ready = join(directory, "ready");
  const imagesDir = join(directory, "images");
  const [program, ...args] = [...command, join(import.meta.dirname as string, "trim/app.ts"), ready, how];
  const child = spawn("setsid", [program as string, ...args], {
    stdio: "ignore",
    env: { ...process.env, ...dumpableEnv },
  });
  try {
    while (!existsSync(ready)) await sleep(5);
    await sleep(REST_MS);
    const engine = rpc();
    const dump = await timed(() => engine.dump({ pid: child.pid as number, imagesDir, manifest: false }));
    await ended(child);
    const megabytes = sizeOf(imagesDir) / 1e6;
    const restore = await timed(() => engine.restore({ imagesDir, force: true }));
    endMarked(libc, child.pid as number, directory);
    await awaitEnd(libc, child.pid as number);
    return { megabytes, dump, restore };
  } finally {
    endMarked(libc, child.pid as number, directory);
    rmSync(directory, { recursive: true, force: true });
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.signalCode === null) await new Promise((resolve) => child.once("exit", resolve));
}

function sizeOf(directory: string): number {
  return readdirSync(directory).reduce((sum, name) => sum + statSync(join(directory, name)).size, 0);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
