/**
 * How long a notice takes: from the sender's clock to the first line of the hook, by our three strategies, beside what the
 * runtime itself offers, in the same run. And how long it takes from CRIU letting a held app go to its first hook; and what the first
 * notice of a process costs, after a rehearsal and without one.
 */
import { Bench } from "tinybench";
import { openLibc } from "../ffi/libc.ts";
import { runCommand, runtimes } from "../tests/support/runtimes.ts";
import { type First, measureFirst } from "./notice/first.ts";
import { measureReleases } from "./notice/release.ts";
import { Sender, type Way, ways } from "./notice/sender.ts";
import { compare, comparePairs, percentile, type Row, report } from "./report.ts";

const ROUNDS = 10;
const SAMPLES = 100;
const RELEASES = 11;
const PROCESSES = 20;

export async function bench(json: boolean): Promise<void> {
  const rows: Row[] = [];
  for (const runtime of runtimes) {
    const samples = await measure(runCommand[runtime]);
    const p = (way: Way, share: number): number => percentile(samples.get(way) as number[], share) * 1000;
    const row = (way: Way, share: number, against?: Way, goal?: number): void => {
      const label = (name: Way): string => `${name} p${share * 100}`;
      const figure = { name: label(way), runtime, value: p(way, share), unit: "µs" };
      rows.push(
        compare(
          figure,
          against && { name: label(against), value: p(against, share), ...(goal === undefined ? {} : { goal }) },
        ),
      );
    };
    for (const way of ways) for (const share of [0.5, 0.9, 0.99]) row(way, share);
    row("signal", 0.5, "own signal", 0.8);
    row("signal", 0.5, "own open socket", 1.25);
    row("signal", 0.99, "own signal", 1);
    row("signal", 0.99, "own open socket", 1);
    row("signal, wake alone", 0.5, "own signal");
    row("signal, wake alone", 0.5, "own open socket");
    row("file", 0.5, "own watcher", 1);
    row("file, wake alone", 0.5, "own watcher");
    row("socket", 0.5, "own socket", 1.1);
    row("socket, wake alone", 0.5, "own socket");
  }
  rows.push(...(await firstRows()), ...(await releaseRows()));
  report("notice", rows, json);
}

async function firstRows(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const runtime of runtimes) {
    const { rehearsed, plain } = await measureFirst(runCommand[runtime], PROCESSES);
    const row = (name: string, what: keyof First, goal?: number): void => {
      const values = (given: First[]): number[] => given.map((first) => first[what] * 1000);
      const against = { name: "without rehearsal", values: values(plain), goal };
      rows.push(comparePairs({ name, runtime, unit: "µs" }, values(rehearsed), against));
    };
    row("first notice → ready", "ready", 1);
    row("third notice → ready", "thirdReady");
    row("first recovery", "recovery");
    row("attach()", "attach");
  }
  return rows;
}

async function releaseRows(): Promise<Row[]> {
  if (process.geteuid?.() !== 0) {
    console.log("CRIU lets go → first hook: not measured, CRIU needs root");
    return [];
  }
  const libc = await openLibc();
  const rows: Row[] = [];
  for (const runtime of runtimes) {
    for (const [outcome, samples] of Object.entries(await measureReleases(libc, runCommand[runtime], RELEASES))) {
      const name = `CRIU lets go → first hook, ${outcome}, median of ${samples.length}`;
      const figure = { name, runtime, value: percentile(samples, 0.5) * 1000, unit: "µs" };
      rows.push(compare(figure, { name: "limit 2000 µs", value: 2000, goal: 1 }));
    }
  }
  return rows;
}

/** The samples of each way, in milliseconds. The ways take turns, so that all see the same noise. */
async function measure(command: readonly string[]): Promise<Map<Way, number[]>> {
  const libc = await openLibc();
  using stack = new DisposableStack();
  const senders: Sender[] = [];
  for (const way of ways) senders.push(stack.use(await Sender.start(libc, command, way)));
  const samples = new Map<Way, number[]>(ways.map((way) => [way, []]));
  for (let round = 0; round < ROUNDS; round++) {
    const bench = new Bench({
      iterations: SAMPLES,
      time: 0,
      warmup: round === 0,
      warmupIterations: 50,
      warmupTime: 0,
      retainSamples: true,
    });
    for (const sender of senders) bench.add(sender.way, async () => ({ overriddenDuration: await sender.notify() }));
    for (const { name, result } of await bench.run()) {
      if (result.state !== "completed")
        throw new Error(`${name} failed`, { cause: "error" in result ? result.error : result.state });
      samples.get(name as Way)?.push(...(result.latency.samples ?? []));
    }
  }
  return samples;
}
