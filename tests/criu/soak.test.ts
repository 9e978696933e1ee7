/** A short soak: one busy app, dumped and restored again and again. `npm run soak` is the long one. */
import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Facts } from "../soak/facts.ts";
import { Watch } from "../soak/growth.ts";
import { countCalls, judge } from "../soak/judge.ts";
import { allowed } from "../soak/limits.ts";
import { digestAfter, digestOf, firstWeights, train } from "../soak/weights.ts";
import { type Child, startProgram } from "../support/child.ts";
import { noCriu } from "../support/criu.ts";
import { runCommand, runtimes } from "../support/runtimes.ts";

const skip = noCriu;
const main = join(import.meta.dirname as string, "../soak/main.ts");

function start(...words: (string | number)[]): Child {
  const [program, ...before] = runCommand.bun as [string, ...string[]];
  return startProgram(program, [...before, main, ...words.map(String)]);
}

for (const runtime of runtimes) {
  test(`a busy app in ${runtime} is dumped and restored five times, and nothing of it is lost, doubled or wrong`, {
    skip,
  }, async () => {
    const { code, stdout, stderr } = await start("--rounds", 5, "--runtime", runtime, "--json").ended;
    const { rounds, problems, visits, ignoredSignals, ...soaked } = JSON.parse(
      stdout.trimEnd().split("\n").at(-1) ?? "",
    );
    assert.deepEqual(problems, []);
    assert.deepEqual([code, rounds, soaked.lostNotices, soaked.doubleHooks], [0, 5, 0, 0], stderr);
    assert.ok(visits.signals > 0 && ignoredSignals > 0 && visits.answered > 0, stdout);
    assert.ok(soaked.times.dump.median > 0 && soaked.images.p99 > 0, stdout);
  });
}

test("a soak fails when one bit of the GPU state is wrong, and for wrong usage", { skip }, async () => {
  const { code, stdout } = await start("--rounds", 1, "--breaks", "bit", "--json").ended;
  const { problems } = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
  assert.equal(code, 1);
  assert.match(problems.join("\n"), /^round 1: GPU state: [\da-f]{64} became [\da-f]{64}, step \d+$/);
  const usage = await start("--runtime", "node").ended;
  assert.deepEqual([usage.code, usage.stdout], [2, ""]);
  assert.match(usage.stderr, /Allowed choices are bun, deno/);
});

test("Ctrl-C ends a soak with what it has", { skip }, async () => {
  await using soak = start("--rounds", 100_000, "--json");
  assert.equal(await soak.nextLine(), "Round 1 of 100000, 0 wrong");
  process.kill(soak.pid, "SIGINT");
  const { code, stdout, stderr } = await soak.ended;
  const { interrupted, rounds, problems } = JSON.parse(stdout.trimEnd().split("\n").at(-1) ?? "");
  assert.deepEqual(problems, [], stderr);
  assert.ok(code === 0 && interrupted && rounds >= 1 && rounds < 100_000, stdout);
});

test("the weights after many steps are known without making them", () => {
  const weights = firstWeights();
  for (let step = 0; step < 1000; step++) train(weights);
  assert.equal(digestOf(weights), digestAfter(1000));
  assert.notEqual(digestAfter(1000), digestAfter(999));
});

/** A life in which all is right, the third. */
function life(): Facts {
  const digest = digestAfter(7);
  return {
    event: "life",
    noticeId: "id",
    outcome: "restored",
    generation: 3,
    hooks: { beforeCheckpoint: 3, beforeHold: 3, afterRestore: 3 },
    step: 7,
    digests: { before: digest, after: digest },
    counters: { main: { atHold: 10, atRelease: 10, now: 11, isHeld: true } },
    timers: { set: 3, fired: 3 },
    answers: { worker: { is: "9", wanted: "9" } },
    ids: ["a", "b"],
  };
}

test("each thing that can be wrong with a life is named", () => {
  const expected = { round: 3, noticeId: "id", before: undefined, ids: new Set(["z"]) };
  assert.deepEqual(judge(life(), expected), []);
  const counter = { atHold: 10, atRelease: 10, now: 11, isHeld: true };
  const cases: [change: Partial<Facts>, wrong: RegExp][] = [
    [{ noticeId: "other" }, /for the notice other/],
    [{ outcome: "continued" }, /outcome is continued/],
    [{ generation: 2 }, /generation is 2/],
    [{ step: 8 }, /GPU state: wrong at the dump, step 8/],
    [{ digests: { before: digestAfter(7), after: digestAfter(8) } }, /GPU state: .* became/],
    [{ counters: { main: { ...counter, atHold: 0, atRelease: 0 } } }, /main stood at 0 at the hold/],
    [{ counters: { main: { ...counter, atRelease: 9 } } }, /main went back from 10 to 9/],
    [{ counters: { main: { ...counter, atRelease: 12, now: 13 } } }, /main went on in the hold/],
    [{ counters: { main: { ...counter, now: 10 } } }, /main did not go on after 10/],
    [{ timers: { set: 3, fired: 2 } }, /of 3 timers .* 2 fired/],
    [{ answers: { worker: { is: "8", wanted: "9" } } }, /worker answered "8", not "9"/],
    [{ ids: ["a", "z"] }, /drawn a second time: z/],
    [{ ids: ["a", "a"] }, /drawn a second time: a/],
  ];
  for (const [change, wrong] of cases) {
    const found = judge({ ...life(), ...change }, expected);
    assert.equal(found.length, 1, found.join("\n"));
    assert.match(found[0] ?? "", wrong);
  }
  assert.match(
    judge(life(), { ...expected, before: life() }).join("\n"),
    /training did not go on.*\n.*counter main stood at 10/,
  );
});

test("hooks that were called twice, and notices that called none, are counted", () => {
  const before = life();
  const hooks = (beforeCheckpoint: number, afterRestore: number): Facts => {
    return { ...life(), hooks: { beforeCheckpoint, beforeHold: 4, afterRestore } };
  };
  assert.deepEqual(countCalls(hooks(4, 4), before, 1), { lost: 0, twice: 0 });
  assert.deepEqual(countCalls(hooks(5, 4), before, 1), { lost: 0, twice: 1 });
  assert.deepEqual(countCalls(hooks(4, 6), before, 1), { lost: 0, twice: 2 });
  // The first of two was refused: with its hooks, or without.
  assert.deepEqual(countCalls(hooks(5, 5), before, 2), { lost: 0, twice: 0 });
  assert.deepEqual(countCalls(hooks(4, 4), before, 2), { lost: 1, twice: 0 });
});

test("descriptors and mappings that come to a process with each round are a leak, and are named", () => {
  const watch = new Watch("self", allowed.driver);
  const opened: number[] = [];
  try {
    for (let round = 0; round < 60; round++) {
      opened.push(openSync("/dev/null", "r"));
      watch.look();
    }
  } finally {
    for (const fd of opened) closeSync(fd);
  }
  const { descriptors, mappings, kinds } = watch.growth ?? assert.fail("nothing was seen");
  assert.deepEqual([descriptors.perRound, descriptors.isLeak, mappings.isLeak], [1, true, false]);
  assert.match(kinds.join("\n"), /^descriptor \/dev\/null: \d+ → \d+$/m);
});
