/**
 * Whatever goes wrong, whenever: the dump is refused or whole, the app goes on, nothing is left behind, and what is said names the
 * cause. Each cell is a fault at a moment of a checkpoint, by an engine and a strategy, in a runtime. `FAULTS=all` runs all of them,
 * `FAULTS=PATTERN` those whose name fits, `FAULTS="all PATTERN"` both.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { noCriu } from "../support/criu.ts";
import { runCell } from "./cell.ts";
import { fewCells, possibleCells } from "./cells.ts";
import { checkHoldings, holdingsOf } from "./checks.ts";
import { clockFaults } from "./fault_clock.ts";
import { criuFaults } from "./fault_criu.ts";
import { driverFaults } from "./fault_drivers.ts";
import { hookFaults } from "./fault_hooks.ts";
import { imagesFaults } from "./fault_images.ts";
import { markerFaults } from "./fault_marker.ts";
import { pageFaults } from "./fault_page.ts";
import { stopFaults } from "./fault_stops.ts";
import { type Cell, type Fault, nameOf } from "./kinds.ts";
import { type Colour, drawTable } from "./table.ts";

const faults = [
  ...driverFaults,
  ...hookFaults,
  ...criuFaults,
  ...markerFaults,
  ...pageFaults,
  ...imagesFaults,
  ...stopFaults,
  ...clockFaults,
];
const { FAULTS = "" } = process.env;
const [, all, text = ""] = /^(all)?\s*(.*)$/.exec(FAULTS) ?? [];
const chosen = faults.flatMap((fault, turn) => (all ? possibleCells(fault) : fewCells(fault, turn)));
const cells = chosen.filter((cell) => new RegExp(text).test(nameOf(cell)));

// What nobody takes away is found here.
const temporary = mkdtempSync(join(tmpdir(), "criu-aware-faults-"));
process.env.TMPDIR = temporary;

const colours = new Map<Cell, Colour>();
const waiting = new Map<Cell, PromiseWithResolvers<void>>(cells.map((cell) => [cell, Promise.withResolvers<void>()]));
const queue = [...cells];

async function work(): Promise<void> {
  for (let cell = queue.shift(); cell; cell = queue.shift()) {
    const { promise, resolve, reject } = waiting.get(cell) as PromiseWithResolvers<void>;
    promise.catch(() => {});
    await runCell(cell).then(
      () => {
        colours.set(cell, "green");
        resolve();
      },
      (error: unknown) => {
        colours.set(cell, "red");
        reject(error);
      },
    );
  }
}

let before: ReturnType<typeof holdingsOf>;
const workers: Promise<void>[] = [];
test("the driver of all cells, before the first", { skip: noCriu }, async () => {
  // It opens some things with its first use of each engine, and keeps them.
  for (const engine of ["rpc", "command"] as const)
    await runCell({ fault: hookFaults[0] as Fault, phase: "preparing", engine, strategy: "socket", runtime: "bun" });
  before = holdingsOf("self");
  for (let i = 0; i < availableParallelism() + 2; i++) workers.push(work());
});

for (const cell of cells) test(nameOf(cell), { skip: noCriu }, () => waiting.get(cell)?.promise);

test("the driver of all cells holds what it held before the first, and no file is left", { skip: noCriu }, async () => {
  await Promise.all(workers);
  const red = [...colours.values()].filter((colour) => colour === "red").length;
  console.log(`\n${drawTable(faults, colours)}\n\n${colours.size} cells, ${colours.size - red} green, ${red} red`);
  const left = readdirSync(temporary).filter((name) => name !== "copy");
  rmSync(temporary, { recursive: true, force: true });
  await checkHoldings(() => holdingsOf("self"), before, "the driver of all cells");
  assert.deepEqual(left, []);
});
