/** A point has no end of its own: whoever asks the program to end must not be kept waiting. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { END_SIGNALS } from "../../ffi/signal_numbers.ts";
import { statusField } from "../../ffi/status_field.ts";
import { DriverPage } from "../../page/driver_page.ts";
import { App } from "../support/app.ts";
import { runtimes } from "../support/runtimes.ts";

/** An app that is held at its point. */
async function startAtPoint(runtime: (typeof runtimes)[number], options: object = {}): Promise<App> {
  const app = await App.start(runtime, options, "point_app.ts");
  using page = await DriverPage.open(app.pid);
  await page.until(({ point }) => point === "waiting", 10_000);
  return app;
}

/** Who handles, and who ignores, what asks a program to end. A runtime may handle others later on. */
const handled = (pid: number): string[] =>
  ["SigCgt", "SigIgn"].map((key) => {
    const mask = statusField(readFileSync(`/proc/${pid}/status`, "utf8"), key);
    return END_SIGNALS.filter((signal) => (BigInt(`0x${mask}`) >> BigInt(signal - 1)) & 1n).join();
  });

for (const runtime of runtimes) {
  for (const name of ["SIGTERM", "SIGINT", "SIGHUP", "SIGQUIT"] as const) {
    test(`${runtime}: ${name} ends an app that is at its point, as it ends one that is not`, async () => {
      await using app = await startAtPoint(runtime);
      process.kill(app.pid, name);
      assert.equal(await app.endedBy(), name);
    });
  }

  test(`${runtime}: an app that listens to SIGTERM hears it at its point, which is over with "aborted"`, async () => {
    await using app = await App.start(runtime, { warmMs: 50, listensTo: ["SIGTERM"] }, "point_app.ts");
    const before = handled(app.pid);
    using page = await DriverPage.open(app.pid);
    await page.until(({ point }) => point === "waiting", 10_000);
    process.kill(app.pid, "SIGTERM");
    await app.event("signal");
    const { outcome } = await app.event("outcome");
    // One that lost its CPU at the wrong moment cannot rule out a dump.
    assert.match(String(outcome), /^(aborted|continued)$/);
    assert.equal(app.named("signal").length, 1);
    assert.deepEqual(handled(app.pid), before);
    await app.goesOn();
    assert.equal(app.named("tick")[0]?.state, "running");
  });

  test(`${runtime}: SIGTERM that comes while the app prepares for its point is heard, up to the very last hook`, async () => {
    for (const endsIn of ["beforeCheckpoint", "beforeHold"]) {
      await using app = await App.start(runtime, { listensTo: ["SIGTERM"], endsIn }, "point_app.ts");
      await app.event("signal");
      if (endsIn === "beforeHold") await app.event("outcome");
    }
  });
}
