/**
 * Whoever runs CRIU knows nothing of us, says nothing, or too much: nobody stays held, no outcome is better than what is known, and
 * `afterRestore` runs once for each checkpoint.
 */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { command, rpc } from "criu-aware/driver";
import { openLibc } from "../../ffi/libc.ts";
import { processState } from "../../ffi/process.ts";
import { adoptOrphans, awaitEnd } from "../../ffi/subreaper.ts";
import { DriverPage } from "../../page/driver_page.ts";
import { call } from "../../strategies/socket/driver.ts";
import { App } from "../support/app.ts";
import { end, startScript } from "../support/child.ts";
import { runCli } from "../support/cli.ts";
import { noCriu, runCriu, runCriuAsync } from "../support/criu.ts";
import { holdApp } from "../support/notice.ts";
import { runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { waitFor } from "../support/time.ts";

const skip = noCriu;
const failsAt = join(import.meta.dirname as string, "../support/fails_at.sh");
const markerOf = (app: App): string => join(app.directory, "marker");
const socketOf = (app: App): string => join(app.directory, "socket");

/** Puts a whole marker in its place. */
function leave(app: App, content: object): void {
  const aside = join(app.directory, "aside");
  writeFileSync(aside, JSON.stringify(content));
  renameSync(aside, markerOf(app));
}

async function isHeld(app: App): Promise<void> {
  using page = await DriverPage.open(app.pid);
  assert.ok(await page.until(({ state, reply }) => state === "held" && reply === "ready", 10_000));
}

/** How long a hold lasts by itself: longer than CRIU takes, or hardly. */
type Lease = "long" | "short";
const leases: Readonly<Record<Lease, number>> = { long: 30_000, short: 100 };
const BARE_LEASE_MS = 2000;

interface Way {
  readonly strategy: string;
  readonly options?: object;
  hold(app: App, leaseMs: number): Promise<unknown> | void;
}

/** Ways to have an app held, of which none says who has it held, and nobody tells the outcome. */
const ways: Readonly<Record<string, Way>> = {
  signal: { strategy: "signal", hold: (app, leaseMs) => holdApp(app, { leaseMs }) },
  kill: {
    strategy: "signal",
    options: { bareLeaseMs: BARE_LEASE_MS },
    hold: (app) => void process.kill(app.pid, "SIGURG"),
  },
  file: { strategy: "file", hold: (app, leaseMs) => leave(app, { id: crypto.randomUUID(), leaseMs }) },
  socket: {
    strategy: "socket",
    hold: (app, leaseMs) => call(socketOf(app), "checkpoint", { id: crypto.randomUUID(), leaseMs }, 10_000),
  },
  notify: {
    strategy: "signal",
    hold: async (app, leaseMs) =>
      assert.equal((await runCli("bun", ["notify", app.pid, "--lease-ms", leaseMs])).code, 0),
  },
};

/** What CRIU does then, and what the app can know of it. A file lock makes a dump fail late unless CRIU is told to take it. */
const ends: readonly {
  readonly what: string;
  readonly lease: Lease;
  readonly args: readonly string[];
  readonly env?: Record<string, string>;
  readonly works: boolean;
}[] = [
  {
    ...{ what: "it fails before it has looked at the app", lease: "short", works: false },
    ...{ args: ["--action-script", failsAt], env: { FAILS_AT: "pre-dump" } },
  },
  { what: "it fails when it has frozen the app", lease: "long", args: [], works: false },
  { what: "it leaves the app running", lease: "long", args: ["--file-locks", "--leave-running"], works: true },
];

for (const runtime of runtimes) {
  for (const [name, { strategy, options, hold }] of Object.entries(ways)) {
    // Somebody's `kill`, and the command, are the same for both.
    if (["kill", "notify"].includes(name) && runtime === "deno") continue;
    test(`${runtime}: held by ${name}, then dumped by CRIU alone: however that ends the app knows, once, and goes on`, {
      skip,
    }, async () => {
      using directory = temporaryDirectory();
      await using app = await App.start(runtime, { strategies: [strategy], lock: true, ...options });
      /** The outcome of round n; no hook ran twice, and nothing is held. */
      const outcome = async (n: number): Promise<unknown> => {
        const { outcome } = await app.event("after", n);
        await app.goesOn();
        assert.deepEqual([app.named("before").length, app.named("after").length], [n, n]);
        assert.equal(app.named("tick").at(-1)?.state, "running");
        if (strategy === "file") assert.equal(JSON.parse(readFileSync(markerOf(app), "utf8")).outcome, outcome);
        return outcome;
      };
      const dump = (images: string, args: readonly string[], env = {}): Promise<number | null> =>
        runCriuAsync(["dump", "-t", String(app.pid), "-D", images, ...args], env);
      let round = 0;
      for (const { what, lease, args, env, works } of ends) {
        using images = temporaryDirectory();
        await hold(app, leases[lease]);
        if (lease === "long") await isHeld(app);
        assert.equal((await dump(images.path, args, env)) === 0, works, what);
        assert.equal(await outcome(++round), "continued", what);
      }
      await hold(app, leases.long);
      await isHeld(app);
      assert.equal(await dump(directory.path, ["--file-locks"]), 0);
      await app.ended();
      round++;
      // Also twice from the same image: each is a copy of its own.
      const copies = name === "signal" ? 2 : 1;
      for (let copy = 0; copy < copies; copy++, round++) {
        if (copy > 0) await end(app.pid);
        assert.equal(runCriu(["restore", "-d", "-D", directory.path, "--file-locks"]).status, 0);
        // The copies write to the same output; both begin before their hook of this round.
        const after = await app.event("after", round);
        assert.deepEqual([after.outcome, after.generation], ["restored", 1]);
        await app.goesOn();
        assert.deepEqual([app.named("before").length, app.named("after").length], [ends.length + 1, round]);
      }
    });
  }

  test(`${runtime}: words and notices that come again, late and by every way run nothing, and change no outcome`, {
    skip,
  }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start(runtime, { strategies: ["signal", "file", "socket", "passive"] });
    const [first, second, third] = ["first", "second", "third"] as const;
    /** The same notice by all ways at once. */
    const notify = async (id: string): Promise<void> => {
      using page = await DriverPage.open(app.pid);
      const notice = { id, leaseMs: 30_000 };
      leave(app, notice);
      const answer = call(socketOf(app), "checkpoint", notice, 10_000).catch(() => undefined);
      page.notify(notice);
      await answer;
      await isHeld(app);
      assert.equal(page.status().activeId, id);
    };
    /** All that somebody can say of a checkpoint, and more than once. */
    const say = async (id: string): Promise<void> => {
      using page = await DriverPage.open(app.pid);
      for (const word of ["continued", "aborted", "continued"] as const) {
        page.tell(id, word);
        leave(app, { id, word });
        process.kill(app.pid, "SIGURG");
        await call(socketOf(app), "outcome", { id, word }, 10_000).catch(() => {});
      }
    };
    /** And the notice itself. */
    const repeat = async (id: string): Promise<void> => {
      using page = await DriverPage.open(app.pid);
      leave(app, { id, leaseMs: 30_000 });
      page.notify({ id, leaseMs: 30_000 });
      const answer = await call(socketOf(app), "checkpoint", { id, leaseMs: 30_000 }, 10_000);
      assert.deepEqual(answer, { reply: "refused", reasons: [`the checkpoint ${id} is over`] });
      await app.goesOn();
      assert.equal(page.status().state, "running");
    };
    const outcomes = (): unknown[] => app.named("after").map(({ outcome, generation }) => `${outcome} ${generation}`);

    await notify(first);
    assert.equal(await runCriuAsync(["dump", "-t", String(app.pid), "-D", images.path]), 0);
    await app.ended();
    assert.equal(runCriu(["restore", "-d", "-D", images.path]).status, 0);
    await say(first);
    await app.event("after");
    await say(first);
    await repeat(first);
    assert.deepEqual(outcomes(), ["restored 1"]);

    await notify(second);
    // What was said of another one ends nothing; then two words at once are one.
    await say(first);
    await isHeld(app);
    await say(second);
    await app.event("after", 2);
    await say(second);
    await repeat(second);
    await repeat(first);
    assert.match(String(outcomes()[1]), /^(continued|aborted) 1$/);

    await notify(third);
    using page = await DriverPage.open(app.pid);
    page.tell(third, "aborted");
    await app.event("after", 3);
    await app.goesOn();
    assert.deepEqual([outcomes()[2], app.named("before").length, app.named("after").length], ["aborted 1", 3, 3]);
  });

  test(`${runtime}: a copy is restored whatever rings before it looks, and whoever says otherwise`, {
    skip,
  }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start(runtime);
    const id = await holdApp(app, { leaseMs: 60_000 });
    // It waits while CRIU works, and comes first when it lets go.
    process.kill(app.pid, "SIGSTOP");
    process.kill(app.pid, "SIGURG");
    assert.equal(await runCriuAsync(["dump", "-t", String(app.pid), "-D", images.path]), 0);
    await app.ended();
    assert.equal(runCriu(["restore", "-d", "-D", images.path]).status, 0);
    using page = await DriverPage.open(app.pid);
    page.tell(id, "continued");
    process.kill(app.pid, "SIGCONT");
    assert.equal((await app.event("released", 1, 10_000)).outcome, "restored");
  });

  test(`${runtime}: a copy that cannot rebuild everything and is to end does, whoever has restored it`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    const resources = [{ name: "database", recovers: "fails" }];
    const options = { strategies: ["signal", "file"], resources, onRestoreError: "exit" };
    await using app = await App.start(runtime, options);
    // The original goes on, whatever cannot be rebuilt.
    const id = await holdApp(app);
    using page = await DriverPage.open(app.pid);
    page.tell(id, "continued");
    await app.event("after");
    await app.goesOn();

    leave(app, { id: "last", leaseMs: 30_000 });
    await isHeld(app);
    assert.equal(await runCriuAsync(["dump", "-t", String(app.pid), "-D", directory.path]), 0);
    await app.ended();
    const libc = await openLibc();
    using _ = adoptOrphans(libc);
    assert.equal(runCriu(["restore", "-d", "-D", directory.path]).status, 0);
    assert.equal(await awaitEnd(libc, app.pid), 4);
    const { outcome, failed } = JSON.parse(readFileSync(markerOf(app), "utf8"));
    assert.deepEqual([outcome, failed], ["restored", ["database"]]);
    assert.match(
      String((await app.event("error", 2)).message),
      /after "restored": database: the probe was told to fail/,
    );
  });

  test(`${runtime}: the driver that has restored such a copy says what has failed, and so does the command`, {
    skip,
  }, async () => {
    using images = temporaryDirectory();
    const imagesDir = images.path;
    const resources = [{ name: "database", recovers: "fails" }];
    await using app = await App.start(runtime, { resources, onRestoreError: "exit" });
    await rpc().dump({ pid: app.pid, imagesDir });
    await app.ended();
    const libc = await openLibc();
    using _ = adoptOrphans(libc);
    for (const engine of [rpc(), command()]) {
      const { processes } = await engine.restore({ imagesDir });
      assert.deepEqual(
        processes.map(({ outcome, errors }) => [outcome, errors]),
        [["restored", [{ resource: "database", message: "the probe was told to fail" }]]],
      );
      assert.equal(await awaitEnd(libc, app.pid), 4);
    }
    if (runtime === "deno") return;
    const { code, out, err } = await runCli("bun", ["restore", imagesDir]);
    assert.equal(code, 4, err);
    assert.match(out + err, /database: the probe was told to fail/);
    assert.equal(await awaitEnd(libc, app.pid), 4);
  });
}

for (const engine of ["rpc", "command"]) {
  test(`${engine}: a driver that stands still holds nobody longer than its lease, and what it dumps afterwards is refused`, {
    skip,
  }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start("bun");
    await using driver = startScript("stopping_driver.ts", engine, app.pid, images.path);
    assert.equal(await driver.nextLine(), "stops");
    await waitFor("the driver to stop", () => processState(driver.pid) === "T");
    assert.equal((await app.event("released")).outcome, "continued");
    await app.goesOn();
    process.kill(driver.pid, "SIGCONT");
    assert.match((await driver.ended).stdout, /it was no longer held when it was frozen: its lease had run out/);
    assert.deepEqual(readdirSync(images.path), []);
    await app.goesOn();
  });
}
