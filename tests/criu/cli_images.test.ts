/** `criu-aware images`, the manifest, traces, and what a restore does with them. */
import assert from "node:assert/strict";
import { appendFileSync, existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { App } from "../support/app.ts";
import { runCli } from "../support/cli.ts";
import { noCriu } from "../support/criu.ts";
import { runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const skip = noCriu;

interface Traced {
  readonly name: string;
  readonly pid: number;
}

for (const runtime of runtimes) {
  test(`criu-aware in ${runtime}: images shows a dump, searches it and compares two`, { skip }, async () => {
    using directory = temporaryDirectory();
    const [first, second] = [join(directory.path, "first"), join(directory.path, "second")];
    await using app = await App.start("bun");
    for (const images of [first, second]) {
      const words = ["--trace", join(directory.path, "trace"), "--label", "version=7", "--label", "empty="];
      const dump = ["dump", app.pid, "-D", images, "--leave-running", ...words];
      const { code, err } = await runCli(runtime, dump);
      assert.equal(code, 0, err);
    }
    const { traceEvents } = JSON.parse(readFileSync(join(directory.path, "trace"), "utf8"));
    const recovered = traceEvents.filter(({ name, pid }: Traced) => name === "recovers" && pid === app.pid);
    assert.equal(recovered.length, 2);
    const shown = await runCli(runtime, ["images", first]);
    assert.equal(shown.code, 0, shown.err);
    assert.match(shown.out, /^made +20\d\d-.*, CRIU 4\.\d/m);
    assert.match(shown.out, /^labels +version=7, empty=$/m);
    assert.match(shown.out, /^frozen +[\d.]+ m?s, after/m);
    assert.match(shown.out, new RegExp(`^${app.pid} +- +\\S+ +\\d+ +[\\d.]+ MB +\\d+$`, "m"));
    const { processes, manifest } = JSON.parse((await runCli(runtime, ["images", first, "--json"])).out);
    assert.equal(processes[0].pid, app.pid);
    assert.equal(manifest.apps[0].pid, app.pid);
    assert.match(manifest.apps[0].runtime, /^bun 1\./);

    // The options of the app are among its arguments, so in its memory.
    const found = await runCli(runtime, ["images", first, "--find", app.directory]);
    assert.equal(found.code, 0);
    assert.match(found.out, new RegExp(`^ {2}process ${app.pid} at 0x[0-9a-f]+$`, "m"));
    const asJson = JSON.parse((await runCli(runtime, ["images", first, "--find", app.directory, "--json"])).out);
    assert.ok(asJson.some(({ count }: { count: number }) => count > 0));
    // Put together here, and not in the app.
    const absent = await runCli(runtime, ["images", first, "--find", ["never", "there", process.pid].join("-")]);
    assert.equal(absent.code, 1);
    assert.match(absent.out, /^Not found\. /);

    const compared = await runCli(runtime, ["images", first, second]);
    assert.equal(compared.code, 0);
    const frozen = async (images: string): Promise<number> =>
      JSON.parse((await runCli(runtime, ["images", images, "--json"])).out).dump.frozenMs;
    // To the microsecond it is the same once in some thousand times.
    const isOther = (await frozen(first)) !== (await frozen(second));
    assert.equal(/^dump +frozen +[\d.]+ m?s/m.test(compared.out), isOther, compared.out);
    assert.equal((await runCli(runtime, ["images", first, first])).out, "They do not differ.");
    const none = await runCli(runtime, ["images", directory.path]);
    assert.equal(none.code, 1);
    assert.match(none.err, /^criu-aware images: /);
  });

  test(`criu-aware in ${runtime}: a damaged image is not restored unless told to, a dump without a manifest likewise`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    const images = join(directory.path, "images");
    await using app = await App.start("bun");
    const trace = join(directory.path, "trace.json");
    const dump = await runCli(runtime, [
      "dump",
      app.pid,
      "-D",
      images,
      "--trace",
      trace,
      "--criu-option",
      "--tcp-close",
    ]);
    assert.equal(dump.code, 0, dump.err);
    await app.ended();

    const manifest = join(images, "criu-aware.json");
    const whole = readFileSync(manifest, "utf8");
    rmSync(manifest);
    const without = await runCli(runtime, ["restore", images]);
    assert.equal(without.code, 1);
    assert.match(without.err, /^criu-aware restore: Cannot restore .*--force.*\n.*no criu-aware\.json/);
    appendFileSync(manifest, whole);
    const core = join(images, readdirSync(images).find((name) => name.startsWith("core-")) as string);
    const bytes = readFileSync(core);
    appendFileSync(core, "x");
    const damaged = await runCli(runtime, ["restore", images]);
    assert.equal(damaged.code, 1);
    assert.match(damaged.err, /core-\d+\.img has \d+ bytes/);
    rmSync(core);
    appendFileSync(core, bytes);

    // --tcp-close is wanted again by CRIU, and known from the manifest.
    const restored = await runCli(runtime, ["restore", images, "--trace", trace]);
    assert.equal(restored.code, 0, restored.err);
    // On a busy machine it says how far it is.
    assert.equal(restored.err.replace(/^restore: .*\n?/gm, ""), "");
    const { traceEvents } = JSON.parse(readFileSync(trace, "utf8"));
    const names = traceEvents.filter(({ ph }: { ph: string }) => ph === "X").map(({ name }: { name: string }) => name);
    for (const name of ["apps prepare", "CRIU dumps", "frozen", "CRIU restores", "restore", "held", "recovers"]) {
      assert.ok(names.includes(name), `${name} is missing among ${names}`);
    }
    await app.goesOn();
  });

  test(`criu-aware in ${runtime}: a trace that cannot be written is told before the dump`, { skip }, async () => {
    using directory = temporaryDirectory();
    await using app = await App.start("bun");
    const images = join(directory.path, "images");
    const { code, err } = await runCli(runtime, ["dump", app.pid, "-D", images, "--trace", "/no/such/trace.json"]);
    assert.equal(code, 2);
    assert.match(err, /^criu-aware dump: Cannot write the trace /);
    assert.equal(existsSync(images), false);
    await app.goesOn();
  });
}
