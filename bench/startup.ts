/**
 * How long it takes until a service gives its first right answer: started anew, in all ways in which a runtime can make that faster, and
 * restored, by the command, by a driver that stays, and by bare `criu restore`. All in one run, each round in an order of chance.
 */
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { build } from "../packaging/build.ts";
import { type RuntimeName, runCommand, runtimes } from "../tests/support/runtimes.ts";
import { compare, comparePairs, percentile, type Row, report } from "./report.ts";
import { shuffled } from "./shuffled.ts";
import { Program } from "./startup/program.ts";
import { type Restored, Service, type Started } from "./startup/service.ts";

const ROUNDS = 10;
const COMMAND_GOAL = 1.3;
const RESIDENT_GOAL = 1.15;
/** Three times faster than the best start. */
const LAZY_GOAL = 0.33;
const BARE = "bare criu restore";
const root = join(import.meta.dirname as string, "..");

export async function bench(json: boolean, rounds: number = ROUNDS): Promise<void> {
  using program = await Program.write();
  const work = mkdtempSync(join(tmpdir(), "criu-aware-package-"));
  try {
    const { folder } = await build(root, work);
    // As beside an installed package.
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    console.log(`${program.modules} modules, ${rounds} rounds`);
    const rows: Row[] = [];
    for (const runtime of runtimes) rows.push(...(await measure(program, runtime, join(folder, "cli.js"), rounds)));
    report("startup", rows, json);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

async function measure(program: Program, runtime: RuntimeName, cli: string, rounds: number): Promise<Row[]> {
  using service = await Service.open(program, await freePort());
  const starts = program.starts(runtime);
  const [usual] = starts;
  if (!usual) throw new Error(`nothing starts in ${runtime}`);
  const plain = await service.dump(usual, false);
  const trimmed = await service.dump(usual, true);
  const command = [...runCommand[runtime], cli];
  const tree = [...runCommand[runtime], join(root, "cli.ts")];

  const started = new Map<string, Started[]>(starts.map(({ name }) => [name, []]));
  const restored = new Map<string, Restored[]>();
  const ways: Readonly<Record<string, () => Promise<Restored>>> = {
    [BARE]: () => service.byCriu(plain, false),
    [`${BARE}, lazy`]: () => service.byCriu(plain, true),
    "criu-aware restore": () => service.byCommand(plain, command, []),
    "criu-aware restore --trace": () => service.byCommand(plain, command, ["--trace"]),
    "criu-aware restore, not bundled": () => service.byCommand(plain, tree, []),
    "criu-aware restore --lazy": () => service.byCommand(plain, command, ["--lazy"]),
    "criu-aware restore, trimmed": () => service.byCommand(trimmed, command, []),
    "criu-aware restore --lazy, trimmed": () => service.byCommand(trimmed, command, ["--lazy"]),
    resident: () => service.byResident(plain, false),
    "resident, lazy": () => service.byResident(plain, true),
    "resident, trimmed": () => service.byResident(trimmed, false),
    "resident, lazy, trimmed": () => service.byResident(trimmed, true),
  };
  const tasks: [name: string, run: () => Promise<unknown>][] = [
    ...starts.map((start): [string, () => Promise<unknown>] => [
      start.name,
      async () => started.get(start.name)?.push(await service.start(start)),
    ]),
    ...Object.entries(ways).map(([name, restore]): [string, () => Promise<unknown>] => [
      name,
      async () => restored.set(name, [...(restored.get(name) ?? []), await restore()]),
    ]),
  ];
  // The first round only warms up.
  for (let round = 0; round <= rounds; round++) {
    for (const [, run] of shuffled(tasks)) await run();
    if (round > 0) continue;
    for (const times of started.values()) times.length = 0;
    restored.clear();
  }
  return rowsOf(runtime, started, restored);
}

function rowsOf(
  runtime: RuntimeName,
  started: ReadonlyMap<string, readonly Started[]>,
  restored: ReadonlyMap<string, readonly Restored[]>,
): Row[] {
  const rows: Row[] = [];
  const unit = "ms";
  const median = (name: string, values: readonly number[]): void =>
    void rows.push(compare({ name, runtime, unit, value: percentile(values, 0.5) }));
  const answersOf = (all: readonly { readonly answer: number }[] = []): number[] => all.map(({ answer }) => answer);
  const starts = [...started].map(([name, all]) => ({ name, values: answersOf(all) }));
  const [cold] = starts;
  const best = starts.toSorted((a, b) => percentile(a.values, 0.5) - percentile(b.values, 0.5))[0];
  if (!cold || !best) return rows;
  median(cold.name, cold.values);
  for (const { name, values } of starts.slice(1)) rows.push(comparePairs({ name, runtime, unit }, values, cold));
  for (const [name, all] of restored) {
    if (!name.includes("--trace")) rows.push(comparePairs({ name, runtime, unit }, answersOf(all), cold));
  }
  const bare = { name: BARE, values: answersOf(restored.get(BARE)) };
  for (const [name, goal] of [
    ["criu-aware restore", COMMAND_GOAL],
    ["criu-aware restore, not bundled", undefined],
    ["resident", RESIDENT_GOAL],
  ] as const) {
    rows.push(comparePairs({ name, runtime, unit }, answersOf(restored.get(name)), { ...bare, goal }));
  }
  for (const name of ["criu-aware restore --lazy, trimmed", "resident, lazy, trimmed"]) {
    const against = { name: `best start: ${best.name}`, values: best.values, goal: LAZY_GOAL };
    rows.push(comparePairs({ name, runtime, unit }, answersOf(restored.get(name)), against));
  }
  const times = (started.get(cold.name) ?? []).map((one) => one.times);
  median(
    "cold: runtime and modules",
    times.map(({ loaded }) => loaded),
  );
  median(
    "cold: the cache is filled",
    times.map(({ loaded, filled }) => filled - loaded),
  );
  median(
    "cold: until it listens",
    times.map(({ filled, listening }) => listening - filled),
  );
  for (const name of ["criu-aware restore --trace", "resident"]) {
    const all = restored.get(name) ?? [];
    median(
      `${name}: until CRIU is started`,
      all.map(({ begun = Number.NaN }) => begun),
    );
    median(
      `${name}: CRIU`,
      all.map(({ begun = Number.NaN, ended = Number.NaN }) => ended - begun),
    );
    median(
      `${name}: from CRIU's end to the answer`,
      all.map(({ ended = Number.NaN, answer }) => answer - ended),
    );
  }
  return rows;
}

/** A port that nobody has now. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== "object" || !address) throw new Error("there is no free port");
  return address.port;
}
