import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { command, type Engine, listAttached, rpc } from "criu-aware/driver";
import { type Libc, openLibc } from "../../ffi/libc.ts";
import { aliveSince } from "../../ffi/process.ts";
import { childrenOf } from "../../ffi/process_tree.ts";
import { adoptOrphans } from "../../ffi/subreaper.ts";
import type { RuntimeName } from "../support/runtimes.ts";
import type { Facts } from "./facts.ts";
import { type ProcessGrowth, Watch } from "./growth.ts";
import { countCalls, judge } from "./judge.ts";
import { allowed } from "./limits.ts";
import { Subject, type TimeName } from "./subject.ts";
import type { Visits } from "./visitors.ts";

/** What to soak. */
export interface SoakOptions {
  readonly rounds: number;
  /** That of the app. The driver is this process. */
  readonly runtime: RuntimeName;
  readonly engine: "rpc" | "command";
  /** What the app is to do wrong: see breaks.ts. */
  readonly breaks?: string | undefined;
  /** A directory for temporary files, where nothing else is put: what is left there at the end is a leak. */
  readonly directory: string;
  /** Ends it after the round that is under way. */
  readonly stop: AbortSignal;
  /** Cancels that round, which then counts for nothing. */
  readonly cancel: AbortSignal;
  readonly onRound: (round: number, wrong: number) => void;
}

/** What came of it. */
export interface Soaked {
  /** Those that were played to their end. */
  readonly rounds: number;
  readonly seconds: number;
  /** What was wrong in which round; the first of many. */
  readonly wrong: readonly { readonly round: number; readonly what: string }[];
  /** All that was wrong. */
  readonly wrongInAll: number;
  readonly lostNotices: number;
  readonly doubleHooks: number;
  readonly visits: Visits | undefined;
  /** Signals that came without a notice, as the app has counted them. */
  readonly ignoredSignals: number;
  readonly app: ProcessGrowth | undefined;
  readonly driver: ProcessGrowth | undefined;
  /** Of memory, in the images of each round. */
  readonly imageBytes: readonly number[];
  /** Milliseconds, of each round. */
  readonly times: Readonly<Record<TimeName, readonly number[]>>;
  /** Files and processes that are still there after the end. */
  readonly left: readonly string[];
}

const MOST_NAMED = 20;
/** Rounds that fail one after the other: the next one would as well. */
const MOST_FAILURES = 3;

const engines: Readonly<Record<SoakOptions["engine"], () => Engine>> = { rpc, command };

/** Dumps and restores one busy app again and again, and looks at everything in each of its lives. */
export async function soak(options: SoakOptions): Promise<Soaked> {
  const libc = await openLibc();
  using _ = adoptOrphans(libc);
  const started = performance.now();
  const soaked = await play(libc, options);
  return { ...soaked, seconds: (performance.now() - started) / 1000, left: leftovers(options.directory) };
}

async function play(libc: Libc, options: SoakOptions): Promise<Omit<Soaked, "seconds" | "left">> {
  const { rounds, runtime, breaks, directory, stop, cancel, onRound } = options;
  await using subject = await Subject.start(libc, runtime, breaks);
  const { pid } = subject.app;
  const engine = engines[options.engine]();
  const imagesDir = join(directory, "images");
  const watches = { app: new Watch(pid, allowed.app), driver: new Watch("self", allowed.driver) };
  const wrong: Soaked["wrong"][number][] = [];
  const ids = new Set<string>();
  const times: Record<TimeName, number[]> = { prepare: [], dump: [], restore: [], "goes on": [] };
  const imageBytes: number[] = [];
  const calls = { lost: 0, twice: 0 };
  let before: Facts | undefined;
  let lives = 0;
  // Since the last life that has said how it is.
  let dumps = 0;

  for (let round = 1; round <= rounds && dumps < MOST_FAILURES && !stop.aborted; round++) {
    const note = (what: string): void => void wrong.push({ round, what });
    dumps++;
    try {
      const done = await subject.round(engine, imagesDir, cancel);
      lives++;
      for (const error of done.errors) note(error);
      const { facts, noticeId } = done;
      if (!facts) throw new Error("the app has not said that it goes on");
      for (const what of judge(facts, { round: lives, noticeId, before, ids })) note(what);
      const { lost, twice } = countCalls(facts, before, dumps);
      calls.lost += lost;
      calls.twice += twice;
      for (const id of facts.ids) ids.add(id);
      for (const name of Object.keys(times) as TimeName[]) times[name].push(done.times[name]);
      imageBytes.push(done.imageBytes);
      before = facts;
      dumps = 0;
      watches.app.look();
      watches.driver.look();
    } catch (error) {
      if (cancel.aborted) {
        dumps = 0;
        break;
      }
      note([(error as Error).message, ...subject.lastWords].join("\n    "));
      if (aliveSince(pid) === undefined) break;
    } finally {
      rmSync(imagesDir, { recursive: true, force: true });
    }
    onRound(round, wrong.length);
  }

  const [attached] = await listAttached([pid]);
  return {
    rounds: lives,
    wrong: wrong.slice(0, MOST_NAMED),
    wrongInAll: wrong.length,
    lostNotices: calls.lost + dumps,
    doubleHooks: calls.twice,
    visits: await subject.visits().catch(() => undefined),
    ignoredSignals: attached?.ignoredSignals ?? 0,
    app: watches.app.growth,
    driver: watches.driver.growth,
    imageBytes,
    times,
  };
}

/** What nobody has cleared away. */
function leftovers(directory: string): string[] {
  const files = readdirSync(directory).map((name) => `file ${join(directory, name)}`);
  return [...files, ...(childrenOf(process.pid) ?? []).map((pid) => `process ${pid}`)];
}
