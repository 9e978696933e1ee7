/** What a restored app is told of its new life, how it gets there, and where it must not be left. */
import assert from "node:assert/strict";
import { mkdirSync, readdirSync, readFileSync, readlinkSync, realpathSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { command, rpc, UsageError } from "criu-aware/driver";
import { boundingSet, capabilityNames } from "../../ffi/capabilities.ts";
import { PAGE_LINK, texts } from "../../page/layout.ts";
import { App } from "../support/app.ts";
import { runCli } from "../support/cli.ts";
import { noCriu } from "../support/criu.ts";
import { runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { waitFor } from "../support/time.ts";

const skip = noCriu;
/** CRIU reads the limits of processes, of other users with a capability only. */
const mayReadLimits = capabilityNames(boundingSet()).includes("CAP_SYS_RESOURCE");
const engines = { rpc, command } as const;

/** Starts the app with an environment of its own. */
async function start(runtime: "bun" | "deno", options: object = {}): Promise<App> {
  const own = { CHANGED: "old", GONE: "old", TZ: "Europe/Berlin" };
  Object.assign(process.env, own);
  try {
    return await App.start(runtime, options, "launched_app.ts");
  } finally {
    for (const name of Object.keys(own)) delete process.env[name];
  }
}

async function dumped(app: App, directory: string, name = "images"): Promise<string> {
  const imagesDir = join(directory, name);
  await rpc().dump({ pid: app.pid, imagesDir });
  await app.ended();
  await waitFor("the pid to be free", () => !readdirSync("/proc").includes(String(app.pid)), 10_000);
  return imagesDir;
}

/** The place of the launch on the page of a process. */
function launchOnPage(pid: number): Uint8Array {
  const fds = `/proc/${pid}/fd`;
  const fd = readdirSync(fds).find((name) => readlinkSync(join(fds, name)) === PAGE_LINK) as string;
  return readFileSync(join(fds, fd)).subarray(texts.launch.at);
}

const everywhere = (value: string | null): (string | null)[] => [value, value, value, value];

for (const runtime of runtimes) {
  for (const [kind, engine] of Object.entries(engines)) {
    test(`${runtime}, ${kind}: a restored app gets variables, arguments, directory and values, and nothing of it stays on the page, in images or logs`, {
      skip,
    }, async () => {
      using directory = temporaryDirectory();
      await using app = await start(runtime);
      const [before] = app.named("attached");
      assert.deepEqual([before?.changed, before?.timeZone], [everywhere("old"), "Europe/Berlin"]);
      const imagesDir = await dumped(app, directory.path);
      const cwd = realpathSync(directory.path);
      const workDir = join(directory.path, "work");
      const launch = {
        env: { ADDED: "s3cret-value", CHANGED: "new", GONE: null, TZ: "Asia/Tokyo" },
        args: ["--port", "1"],
        cwd,
        values: { node: "s3cret-node" },
      };
      const { processes } = await engine().restore({ imagesDir, launch, workDir, criuOptions: { verbosity: 4 } });
      assert.deepEqual(processes[0]?.errors, []);
      const after = await app.event("restored");
      assert.deepEqual(after.added, everywhere("s3cret-value"));
      assert.deepEqual(after.changed, everywhere("new"));
      assert.deepEqual(
        after.gone,
        everywhere(null).map((value) => value ?? null),
      );
      assert.equal((after.own as string[])[0], "set by the program");
      assert.deepEqual([after.timeZone, after.hours], ["Asia/Tokyo", 9]);
      assert.deepEqual([after.args, after.ownArgs, after.cwd, after.same], [launch.args, launch.args, cwd, true]);
      const { changes, ...given } = after.launch as { changes: Record<string, unknown> };
      assert.deepEqual(given, launch);
      assert.deepEqual(changes.cwd, { was: before?.cwd, is: cwd });
      assert.deepEqual(changes.timeZone, { was: "Europe/Berlin", is: "Asia/Tokyo" });
      assert.deepEqual((changes.env as Record<string, unknown>).CHANGED, { was: "old", is: "new" });
      assert.ok(launchOnPage(app.pid).every((byte) => byte === 0));
      for (const place of [imagesDir, workDir]) {
        for (const name of readdirSync(place)) assert.doesNotMatch(readFileSync(join(place, name), "latin1"), /s3cret/);
      }
      // It is a new life each time: what the next one is not given, it has not.
      const again = await dumped(app, directory.path, "again");
      await engine().restore({ imagesDir: again });
      const second = await app.event("restored", 2);
      assert.deepEqual([second.changed, (second.launch as { env?: object }).env], [everywhere("new"), undefined]);
    });
  }

  test(`${runtime}: a whole environment takes away what the program was started with, and leaves what it has set itself`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    await using app = await start(runtime, { immutable: ["CHANGED"] });
    const imagesDir = await dumped(app, directory.path);
    const { PATH = "" } = process.env;
    await rpc().restore({ imagesDir, launch: { env: { PATH, CHANGED: "new", ADDED: "new" }, wholeEnv: true } });
    const { added, changed, gone, own, timeZone, launch } = await app.event("restored");
    assert.deepEqual([added, changed, gone], [everywhere("new"), everywhere("old"), everywhere(null)]);
    assert.equal((own as string[])[0], "set by the program");
    assert.notEqual(timeZone, "Europe/Berlin");
    assert.deepEqual((launch as { changes: { kept: string[] } }).changes.kept, ["CHANGED"]);
  });

  test(`${runtime}: a launch that no app acts on, or that would not arrive, restores nothing and says what to do`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    await using app = await start(runtime, { deaf: true });
    const imagesDir = await dumped(app, directory.path);
    const launch = { env: { ADDED: "s3cret" } };
    const refused = (error: unknown): boolean => error instanceof UsageError && /environment\(\)/.test(error.message);
    await assert.rejects(rpc().restore({ imagesDir, launch }), refused);
    // Without a manifest only the app itself can say it: when it is restored, and before it runs.
    const bare = { imagesDir, launch, force: ["manifest"] } as const;
    unlinkSync(join(imagesDir, "criu-aware.json"));
    for (const engine of Object.values(engines)) {
      await assert.rejects(engine().restore(bare), refused);
      await waitFor("its end", () => !readdirSync("/proc").includes(String(app.pid)), 10_000);
    }
    assert.deepEqual(app.named("restored"), []);
    await rpc().restore({ imagesDir, force: ["manifest"] });
    await app.event("restored");
  });

  test(`${runtime}: an app of another user gets its launch, or its dump says which capability is missing`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    await using app = await start(runtime, { uid: 65_534 });
    if (!mayReadLimits) return await assert.rejects(dumped(app, directory.path), /Run CRIU with CAP_SYS_RESOURCE/);
    const imagesDir = await dumped(app, directory.path);
    await rpc().restore({ imagesDir, launch: { env: { CHANGED: "new" } } });
    assert.deepEqual((await app.event("restored")).changed, everywhere("new"));
  });
}

test("restore takes a launch from its options, a file and after --, and refuses another value of what the app has gated", {
  skip,
}, async () => {
  using directory = temporaryDirectory();
  await using app = await start("bun", { envGate: ["CHANGED"] });
  const images = await dumped(app, directory.path);
  const manifest = readFileSync(join(images, "criu-aware.json"), "utf8");
  assert.match(manifest, /"envGate"/);
  assert.doesNotMatch(JSON.stringify(JSON.parse(manifest).envGate), /old/);
  const file = join(directory.path, "env");
  writeFileSync(file, "# comment\nexport ADDED='from the file' # it\nCHANGED=old\n");
  const gated = await runCli("bun", ["restore", images, "--env", "CHANGED=s3cret"]);
  assert.equal(gated.code, 2, gated.err);
  assert.match(gated.err, /another value of CHANGED: .*envGate/);
  assert.doesNotMatch(gated.err, /s3cret/);
  mkdirSync(join(directory.path, "cwd"));
  const words = ["--env-file", file, "--unset-env", "GONE", "--cwd", join(directory.path, "cwd"), "--set", "key=a=b"];
  const restored = await runCli("bun", ["restore", images, "--json", ...words, "--", "--port", "2"]);
  assert.equal(restored.code, 0, restored.err);
  assert.doesNotMatch(restored.out, /from the file/);
  const after = await app.event("restored");
  assert.deepEqual([after.added, after.gone], [everywhere("from the file"), everywhere(null)]);
  assert.deepEqual(after.args, ["--port", "2"]);
  assert.equal(after.cwd, realpathSync(join(directory.path, "cwd")));
  assert.deepEqual((after.launch as { values: object }).values, { key: "a=b" });
});

for (const runtime of runtimes) {
  test(`simulate in ${runtime} hands over a launch, and one that is too long or that no app acts on disturbs nobody`, async () => {
    using directory = temporaryDirectory();
    await using app = await start("bun");
    const simulate = (...words: string[]) => runCli(runtime, ["simulate", app.pid, ...words]);
    const long = join(directory.path, "long");
    writeFileSync(long, `LONG=${"x".repeat(200_000)}\n`);
    const refused = await simulate("--env-file", long, "--set", `long=${"x".repeat(100_000)}`);
    assert.equal(refused.code, 2, refused.err);
    assert.match(refused.err, /^criu-aware simulate: The launch is too long/);
    const words = ["--env", "ADDED=new", "--unset-env", "GONE", "--cwd", directory.path, "--set", "key=a=b"];
    const { code, err } = await simulate(...words, "--", "--port", "1");
    assert.equal(code, 0, err);
    const { added, gone, args, cwd, launch } = await app.event("restored");
    assert.deepEqual([added, gone, args, cwd], [everywhere("new"), everywhere(null), ["--port", "1"], directory.path]);
    assert.deepEqual((launch as { values: object }).values, { key: "a=b" });
    // The launch that was too long was told to nobody.
    assert.deepEqual(
      app.events().map(({ event }) => event),
      ["attached", "restored"],
    );

    await using deaf = await start("bun", { deaf: true });
    const unheard = await runCli(runtime, ["simulate", deaf.pid, "--env", "ADDED=s3cret"]);
    assert.equal(unheard.code, 2, unheard.err);
    assert.match(unheard.err, /environment\(\)/);
    assert.doesNotMatch(unheard.err, /s3cret/);
    assert.deepEqual((await deaf.event("aborted")).added, everywhere(null));
  });
}
