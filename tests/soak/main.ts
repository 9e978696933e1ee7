/**
 * The soak: `npm run soak -- --rounds 200 --runtime deno [--json]` dumps and restores one busy app again and again, by one driver process, and
 * says what was lost, doubled or leaked.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, Option } from "commander";
import { print, printJson, say } from "../../cli/report.ts";
import { isCommanderEnd, positive, settled } from "../../cli/subcommand.ts";
import { startInstead } from "../../ffi/exec.ts";
import { openLibc } from "../../ffi/libc.ts";
import { type RuntimeName, runCommand } from "../support/runtimes.ts";
import { figuresOf, imagesGrown, problemsOf, textOf } from "./report.ts";
import { type SoakOptions, soak } from "./soak.ts";

interface Flags extends Pick<SoakOptions, "rounds" | "runtime" | "engine" | "breaks"> {
  readonly json?: boolean;
}

const current: RuntimeName = process.versions.bun ? "bun" : "deno";
/** A wrapper (`npm run`) passes on the Ctrl-C of a terminal that has reached this process as well. */
const SAME_WITHIN_MS = 500;
/** Between two words on how far it is. */
const SAID_EVERY_MS = 10_000;

const program = settled(new Command("soak"))
  .description("Dump and restore one busy app again and again, and say what was lost, doubled or leaked.")
  .option("--rounds <n>", "how often", positive, 200)
  .addOption(
    new Option("--runtime <name>", "that of the app and of the driver").choices(["bun", "deno"]).default("bun"),
  )
  .addOption(new Option("--engine <name>", "how CRIU is run").choices(["rpc", "command"]).default("rpc"))
  .addOption(new Option("--breaks <what>", "what the app does wrong in each life, to be found").choices(["bit"]))
  .option("--json", "print one JSON object last");

process.exitCode = await main();

async function main(): Promise<number> {
  try {
    program.parse();
  } catch (error) {
    if (!isCommanderEnd(error)) throw error;
    return error.exitCode === 0 ? 0 : 2;
  }
  const flags = program.opts<Flags>();
  if (flags.runtime !== current) return await startIn(flags.runtime);
  const directory = mkdtempSync(join(tmpdir(), "criu-aware-soak-"));
  process.env.TMPDIR = directory;
  try {
    return await run(flags, directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Starts this anew in the runtime that is to be soaked. */
async function startIn(runtime: RuntimeName): Promise<number> {
  const words = [...runCommand[runtime], import.meta.filename as string, ...process.argv.slice(2)];
  // V8 makes room for new objects in steps of 8 MiB and 32 mappings, as it likes.
  const bounded = { DENO_V8_FLAGS: "--max-semi-space-size=1" };
  startInstead(await openLibc(), words[0] as string, words, { ...process.env, ...bounded });
  say(`soak: cannot start ${words[0]}`);
  return 1;
}

async function run({ json, ...flags }: Flags, directory: string): Promise<number> {
  const [stop, cancel] = [new AbortController(), new AbortController()];
  let stoppedAt = 0;
  const interrupt = (): void => {
    if (stop.signal.aborted) return void (performance.now() - stoppedAt < SAME_WITHIN_MS || cancel.abort());
    stoppedAt = performance.now();
    stop.abort();
    say("soak: ending after this round; once more cancels it");
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, interrupt);
  let saidAt = Number.NEGATIVE_INFINITY;
  const onRound = (round: number, wrong: number): void => {
    if (performance.now() - saidAt < SAID_EVERY_MS) return;
    saidAt = performance.now();
    print(`Round ${round} of ${flags.rounds}, ${wrong} wrong`);
  };
  const soaked = await soak({ ...flags, directory, stop: stop.signal, cancel: cancel.signal, onRound });
  const problems = problemsOf(soaked);
  print(await textOf(soaked, flags.rounds));
  if (json) {
    const { times: _, imageBytes: __, ...facts } = soaked;
    const { image, ...times } = figuresOf(soaked);
    const { runtime, engine, rounds: wanted } = flags;
    const images = { ...image, ...imagesGrown(soaked) };
    printJson({ runtime, engine, wanted, interrupted: stop.signal.aborted, ...facts, images, times, problems });
  }
  return problems.length === 0 ? 0 : 1;
}
