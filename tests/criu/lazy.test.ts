/** Lazy restores: the daemon that brings the pages comes and goes by itself, and never goes while it is needed. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CriuError, command, locateCriu, rpc } from "criu-aware/driver";
import { readOrEmpty } from "../../ffi/read_or_empty.ts";
import { App } from "../support/app.ts";
import { runCli } from "../support/cli.ts";
import { noCriu } from "../support/criu.ts";
import { runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { waitFor } from "../support/time.ts";

const skip = noCriu;

/** The daemons that work in a directory. */
function daemonsOf(directory: string): string[] {
  return readdirSync("/proc").filter((pid) => {
    const words = /^\d+$/.test(pid) ? readOrEmpty(`/proc/${pid}/cmdline`) : "";
    return words.includes("\0lazy-pages\0") && words.includes(directory);
  });
}

for (const runtime of runtimes) {
  test(`${runtime}: a lazy restore brings all memory back, and its daemon ends by itself`, { skip }, async () => {
    using directory = temporaryDirectory();
    const { path } = directory;
    await using app = await App.start(runtime, { filledMiB: 32 }, "filled_app.ts");
    const { sum } = await app.event("attached");
    const imagesDir = join(path, "images");
    await rpc().dump({ pid: app.pid, imagesDir });
    await app.ended();
    let times = 0;
    for (const engine of [rpc(), command()]) {
      const workDir = join(path, engine.kind);
      const { processes } = await engine.restore({ imagesDir, workDir, lazy: true });
      assert.deepEqual(
        processes.map(({ pid, outcome, errors }) => ({ pid, outcome, errors })),
        [{ pid: app.pid, outcome: "restored", errors: [] }],
      );
      await app.goesOn();
      process.kill(app.pid, "SIGUSR2");
      assert.equal((await app.event("summed", ++times)).sum, sum);
      await waitFor("the daemon to end", () => daemonsOf(workDir).length === 0, 10_000);
      await app.goesOn();
      assert.ok(existsSync(join(workDir, "lazy-pages.log")));
      process.kill(app.pid, "SIGKILL");
      await waitFor("the restored process to end", () => !existsSync(`/proc/${app.pid}`), 10_000);
    }
    const { code, out, err } = await runCli(runtime, ["restore", imagesDir, "--lazy", "--work-dir", join(path, "cli")]);
    assert.equal(code, 0, err);
    assert.match(out, new RegExp(`^restored ${app.pid} `));
    process.kill(app.pid, "SIGUSR2");
    assert.equal((await app.event("summed", ++times)).sum, sum);
    await waitFor("the daemon to end", () => daemonsOf(join(path, "cli")).length === 0, 10_000);
  });
}

test("a lazy restore that fails, is refused or cancelled leaves no daemon", { skip }, async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  await using app = await App.start("bun");
  const imagesDir = join(path, "images");
  const workDir = join(path, "work");
  await rpc().dump({ pid: app.pid, imagesDir });
  await app.ended();
  const controller = new AbortController();
  for (const [options, expected] of [
    [{ criuOptions: { joinNs: ["net:/nowhere"] } }, /There is no namespace at \/nowhere/],
    [{ onHook: refuseAt("post-restore") }, /refused at post-restore/],
    [{ signal: controller.signal, onHook: () => controller.abort(new Error("cancelled")) }, /cancelled/],
  ] as const) {
    await assert.rejects(rpc().restore({ imagesDir, workDir, lazy: true, ...options }), expected);
    assert.deepEqual(daemonsOf(workDir), []);
  }
  // Too late to refuse: it runs, and must keep what it needs.
  await assert.rejects(rpc().restore({ imagesDir, workDir, lazy: true, onHook: refuseAt("pre-resume") }), /pre-resume/);
  await app.goesOn();
  await waitFor("the daemon to end", () => daemonsOf(workDir).length === 0, 10_000);
  await app.goesOn();
});

test("where the daemon does not start, nothing is restored, and it is said how to do without", { skip }, async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  const criu = join(path, "criu");
  const failing = `echo "Error (criu/uffd.c:1): uffd: Lazy pages are not available" >&2; exit 1`;
  writeFileSync(criu, `#!/bin/sh\n[ "$1" != lazy-pages ] || { ${failing}; }\nexec ${locateCriu()} "$@"\n`, {
    mode: 0o755,
  });
  await using app = await App.start("bun");
  const imagesDir = join(path, "images");
  await rpc().dump({ pid: app.pid, imagesDir });
  await app.ended();
  for (const engine of [rpc({ criu }), command({ criu })]) {
    await assert.rejects(engine.restore({ imagesDir, lazy: true }), (error: unknown) => {
      assert.ok(error instanceof CriuError, String(error));
      assert.match(error.message, /did not start.*--lazy.*criu-aware doctor/s);
      assert.match(error.message, /has no userfaultfd/);
      return true;
    });
    assert.ok(!existsSync(`/proc/${app.pid}`));
  }
});

function refuseAt(where: string): (hook: string) => void {
  return (hook) => {
    if (hook === where) throw new Error(`refused at ${hook}`);
  };
}
