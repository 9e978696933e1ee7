/** CRIU's RPC: what can be asked, the hooks by their names, options that reach CRIU. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { CriuError, command, locateCriu, rpc, UsageError } from "criu-aware/driver";
import { processTree } from "../../ffi/process_tree.ts";
import { App } from "../support/app.ts";
import { noCriu } from "../support/criu.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const skip = noCriu;

test("version() says what `criu --version` says", { skip }, async () => {
  const { major, minor, sublevel } = await rpc().version();
  const printed = execFileSync(locateCriu(), ["--version"], { encoding: "utf8" });
  assert.ok(printed.includes(`${major}.${minor}${sublevel > 0 ? `.${sublevel}` : ""}`), printed);
});

test("features() and check() answer", { skip }, async () => {
  const features = await rpc().features();
  for (const feature of ["memTrack", "lazyPages", "pidfdStore"] as const)
    assert.equal(typeof features[feature], "boolean");
  assert.equal(await rpc().check(), true);
});

test("a CPU is what it was, and not what is written nowhere", { skip }, async () => {
  using directory = temporaryDirectory();
  const images = join(directory.path, "cpu");
  await rpc().dumpCpuInfo(images);
  assert.equal(await rpc().checkCpuInfo(images), true);
  assert.equal(await rpc().checkCpuInfo(directory.path), false);
});

test("a pre-dump leaves the app running and untold, whether the kernel can track its memory or not", {
  skip,
}, async () => {
  using images = temporaryDirectory();
  await using app = await App.start("bun");
  const engine = rpc();
  const { memTrack } = await engine.features();
  const preDump = engine.preDump({ pid: app.pid, imagesDir: images.path });
  if (memTrack) await preDump;
  else
    await assert.rejects(
      preDump,
      (error: CriuError) => error.phase === "dump" && /Tracking memory/.test(error.message),
    );
  await app.goesOn();
  assert.deepEqual(app.named("before"), []);
});

test("every hook is told by CRIU's own name, with the pid where CRIU says it", { skip }, async () => {
  using images = temporaryDirectory();
  await using app = await App.start("bun");
  const told: string[] = [];
  const onHook = (hook: string, pid?: number): void => void told.push(pid === undefined ? hook : `${hook} ${pid}`);
  await rpc().dump({ pid: app.pid, imagesDir: images.path, onHook });
  assert.equal(told[0], "pre-dump");
  assert.equal(told.at(-1), "post-dump");
  await app.ended();
  told.length = 0;
  await rpc().restore({ imagesDir: images.path, onHook });
  assert.deepEqual(told, ["pre-restore", `post-restore ${app.pid}`, "pre-resume", "post-resume"]);
  await app.goesOn();
});

for (const [kind, engine] of [
  ["rpc", rpc],
  ["command", command],
] as const) {
  test(`${kind}: what CRIU cannot dump unasked, it dumps with the option`, { skip }, async () => {
    using directory = temporaryDirectory();
    // It holds a file lock.
    await using app = await App.start("bun", { lock: true });
    const images = (name: string): string => join(directory.path, name);
    const refused = engine().dump({ pid: app.pid, imagesDir: images("refused") });
    await assert.rejects(refused, /file-locks|file locks/i);
    await engine().dump({ pid: app.pid, imagesDir: images("dumped"), criuOptions: { fileLocks: true } });
    await app.ended();
    await engine().restore({ imagesDir: images("dumped"), criuOptions: { fileLocks: true } });
    await app.goesOn();
  });
}

test("a CRIU that ends without an answer is an error with what it printed", { skip }, async () => {
  using directory = temporaryDirectory();
  const broken = join(directory.path, "criu");
  writeFileSync(
    broken,
    '#!/bin/sh\ncase "$*" in *swrk*) ;; *) exec echo "Version: 4.2" ;; esac\necho it broke >&2\nexit 3\n',
    {
      mode: 0o755,
    },
  );
  await using app = await App.start("bun");
  const dump = rpc({ criu: broken }).dump({ pid: app.pid, imagesDir: join(directory.path, "images") });
  await assert.rejects(dump, (error: Error) => error instanceof CriuError && /it broke/.test(error.message));
  await app.goesOn();
});

test("a CRIU that ends after the app has said ready lets it go on", { skip }, async () => {
  using directory = temporaryDirectory();
  await using app = await App.start("bun");
  const images = join(directory.path, "images");
  const onHook = (): void => {
    // CRIU names itself after what it does.
    const criu = processTree(process.pid).find((pid) => readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("--rpc"));
    process.kill(criu as number, "SIGKILL");
  };
  await assert.rejects(rpc().dump({ pid: app.pid, imagesDir: images, leaseMs: 60_000, onHook }), CriuError);
  assert.equal((await app.event("released", 1, 3_000)).outcome, "aborted");
  await app.goesOn();
});

test("a descriptor to inherit that is none is a usage error, and nothing was begun", { skip }, async () => {
  using directory = temporaryDirectory();
  await using app = await App.start("bun");
  const imagesDir = join(directory.path, "images");
  await assert.rejects(rpc().dump({ pid: app.pid, imagesDir, criuOptions: { inheritFd: ["7"] } }), UsageError);
  assert.ok(!existsSync(join(imagesDir, "inventory.img")));
  await app.goesOn();
});

test("a request that is too large for CRIU's socket is an error, and the app goes on", { skip }, async () => {
  using directory = temporaryDirectory();
  await using app = await App.start("bun");
  const options = { pid: app.pid, imagesDir: join(directory.path, "images") };
  await assert.rejects(rpc().dump({ ...options, criuOptions: { external: ["x".repeat(1_000_000)] } }), {
    name: "SystemCallError",
    code: "EMSGSIZE",
  });
  await app.goesOn();
});
