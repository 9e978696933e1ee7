/** Timers that keep their date, and what a restore did to the clock, with clocks that the test turns. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Clocks, clocks } from "criu-aware/resources/clocks";
import type { Outcome } from "../../../lifecycle/types.ts";
import { attach } from "../../../simulate.ts";
import { sleep, turns, waitFor } from "../../support/time.ts";

const HOUR_MS = 3_600_000;

/** The clocks of this process, until disposal, off by as much as is added. */
function turnedClocks(): Disposable & { wallMs: number; monotonicMs: number } {
  const [date, monotonic] = [Date.now, performance.now];
  const turned = {
    wallMs: 0,
    monotonicMs: 0,
    [Symbol.dispose]() {
      Date.now = date;
      performance.now = monotonic;
    },
  };
  Date.now = () => date() + turned.wallMs;
  performance.now = () => monotonic.call(performance) + turned.monotonicMs;
  return turned;
}

/** Takes the resource through a hold in which the clocks are turned. */
async function held(
  clock: Clocks,
  turn: () => void = () => {},
  { outcome = "restored" as Outcome, simulated = false, frozenMs = 0 } = {},
): Promise<void> {
  clock.beforeHold?.({ noticeId: "n", criuOptions: [] });
  turn();
  const { signal } = new AbortController();
  await clock.afterRestore?.({ noticeId: "n", outcome, simulated, frozenMs, generation: 1, signal });
}

test("a timer fires once, when its date has come, and at once when it has passed", async () => {
  const clock = clocks();
  const fired: string[] = [];
  const at = Date.now() + 30;
  clock.wallClockTimeout(at, () => fired.push(`${Date.now() >= at}`));
  clock.wallClockTimeout(new Date(0), () => fired.push("past"));
  await turns();
  await waitFor("both", () => fired.length === 2);
  await sleep(40);
  assert.deepEqual(fired, ["past", "true"]);
});

test("a date too far away for setTimeout() waits all the same, and comes when the time of day has", async () => {
  using turned = turnedClocks();
  const clock = clocks();
  let fired = 0;
  const { setTimeout } = globalThis;
  let timers = 0;
  globalThis.setTimeout = ((...args: Parameters<typeof setTimeout>) => {
    timers++;
    return setTimeout(...args);
  }) as typeof setTimeout;
  try {
    clock.wallClockTimeout(Date.now() + 2 ** 33, () => fired++);
    await new Promise((resolve) => setTimeout(resolve, 20));
  } finally {
    globalThis.setTimeout = setTimeout;
  }
  assert.deepEqual([fired, timers], [0, 1], "it waits, and does not look all the time");
  await held(clock, () => {
    turned.wallMs += 2 ** 33;
  });
  assert.equal(fired, 0, "other resources of the tier have their turn first");
  await waitFor("the timer", () => fired > 0);
});

test("a timer waits for its date also when the time of day is set back meanwhile", async () => {
  using turned = turnedClocks();
  let fired = 0;
  using _timer = clocks().wallClockTimeout(Date.now() + 20, () => fired++);
  turned.wallMs -= HOUR_MS;
  await sleep(40);
  assert.equal(fired, 0);
});

test("after any outcome a timer that fell due while the app was held fires once, and one that did not, waits", async () => {
  for (const outcome of ["restored", "continued", "aborted"] as const) {
    using turned = turnedClocks();
    const clock = clocks();
    const fired: string[] = [];
    clock.wallClockTimeout(Date.now() + HOUR_MS, () => fired.push("due"));
    using later = clock.wallClockTimeout(Date.now() + 3 * HOUR_MS, () => fired.push("later"));
    const turn = (): void => {
      turned.wallMs += 2 * HOUR_MS;
    };
    await held(clock, turn, { outcome });
    await waitFor("the timer", () => fired.length > 0);
    await sleep(10);
    assert.deepEqual(fired, ["due"]);
    assert.ok(later);
  }
});

test("a timer that is disposed, or whose signal aborts, before or after it is made, never fires", async () => {
  using turned = turnedClocks();
  const clock = clocks();
  let fired = 0;
  const fire = (): void => void fired++;
  const controller = new AbortController();
  clock.wallClockTimeout(Date.now() + 5, fire)[Symbol.dispose]();
  clock.wallClockTimeout(Date.now() + 5, fire, { signal: AbortSignal.abort() });
  clock.wallClockTimeout(Date.now() + HOUR_MS, fire, { signal: controller.signal });
  controller.abort();
  await held(clock, () => {
    turned.wallMs += 2 * HOUR_MS;
  });
  await sleep(20);
  assert.equal(fired, 0);
});

test("what is no date or no function is an error", () => {
  const clock = clocks();
  for (const date of [new Date(Number.NaN), Number.NaN, Number.POSITIVE_INFINITY, "2030-01-01", undefined]) {
    assert.throws(() => clock.wallClockTimeout(date as Date, () => {}), { name: "RangeError", message: /valid Date/ });
  }
  assert.throws(() => clock.wallClockTimeout(0, "now" as never), { name: "TypeError", message: /function/ });
});

test("a clock that went back is reported once, with how far, and dates are kept all the same", async () => {
  using turned = turnedClocks();
  const reports: number[] = [];
  const clock = clocks({ onClockWentBack: (byMs) => reports.push(byMs) });
  let fired = 0;
  clock.wallClockTimeout(Date.now() + HOUR_MS, () => fired++);
  await held(clock);
  assert.deepEqual(reports, []);
  await held(clock, () => {
    turned.wallMs += HOUR_MS;
    turned.monotonicMs -= 5000;
  });
  const [byMs = 0] = reports;
  assert.ok(byMs > 4000 && byMs <= 5000, String(byMs));
  await waitFor("the timer", () => fired === 1);
  // A checkpoint that is refused before the hold.
  const { signal } = new AbortController();
  const context = { noticeId: "n", outcome: "aborted", simulated: false, frozenMs: 0, generation: 1, signal } as const;
  await clock.afterRestore?.(context);
  assert.equal(reports.length, 1);
});

test("unless the app listens, a clock that went back is a warning that says what stands still, and what to do", async () => {
  using turned = turnedClocks();
  const { warn } = console;
  const lines: string[] = [];
  console.warn = (line) => lines.push(line);
  try {
    await held(clocks(), () => {
      turned.monotonicMs -= 5000;
    });
  } finally {
    console.warn = warn;
  }
  assert.match(
    lines.join("\n"),
    /^criu-aware: the monotonic clock went back .* by 5 s or more\. .*stands still\. Start/,
  );
});

test("the uptime begins anew at each restore, and at nothing else", async () => {
  using turned = turnedClocks();
  const clock = clocks();
  turned.monotonicMs = HOUR_MS;
  assert.ok(clock.uptimeSinceRestore >= HOUR_MS, "the process was never restored");
  await held(clock, undefined, { outcome: "continued" });
  await held(clock, undefined, { outcome: "aborted" });
  await held(clock, undefined, { simulated: true });
  assert.ok(clock.uptimeSinceRestore >= HOUR_MS);
  await held(clock, undefined, { frozenMs: 1234 });
  assert.ok(clock.uptimeSinceRestore < HOUR_MS / 2);
  assert.equal(clock.frozenMs, 1234);
});

test("in a checkpoint that is played, the resource takes part, and was not frozen for long", async () => {
  await using agent = await attach();
  const clock = clocks();
  agent.register(clock);
  assert.equal(clock.frozenMs, 0);
  await agent.checkpoint();
  assert.ok(clock.frozenMs >= 0 && clock.frozenMs < HOUR_MS);
});
