/** Options that CRIU's RPC has no field for, and its level of logging, reach CRIU by every engine. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { command, rpc } from "criu-aware/driver";
import { readImages } from "criu-aware/images";
import { App } from "../support/app.ts";
import { noCriu } from "../support/criu.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const skip = noCriu;

for (const [name, engine] of Object.entries({ rpc, command })) {
  test(`${name}: the level of the log, how files are known again and where plugins are reach CRIU`, {
    skip,
  }, async () => {
    using directory = temporaryDirectory();
    const libdir = join(directory.path, "it's plugins");
    mkdirSync(libdir);
    await using app = await App.start("bun");
    const dump = async (to: string, criuOptions: object): Promise<string> => {
      const imagesDir = join(directory.path, to);
      await engine().dump({ pid: app.pid, imagesDir, leaveRunning: true, criuOptions });
      return imagesDir;
    };
    const quiet = await dump("quiet", { verbosity: 1 });
    const loud = await dump("loud", { verbosity: 4, fileValidation: "filesize", libdir });
    const lines = (imagesDir: string): number => readFileSync(join(imagesDir, "dump.log"), "utf8").split("\n").length;
    assert.ok(lines(loud) > lines(quiet) + 100, `${lines(loud)} ${lines(quiet)}`);
    assert.notEqual(readImages(quiet).processes[0]?.executable?.buildId, undefined);
    assert.equal(readImages(loud).processes[0]?.executable?.buildId, undefined);
    await assert.rejects(dump("failed", { libdir: join(directory.path, "no") }), /Unable to open directory .*no:/);
    await app.goesOn();
  });
}

test("checkpoint(): they reach CRIU as well", { skip }, async () => {
  using directory = temporaryDirectory();
  const libdir = join(directory.path, "it's plugins");
  mkdirSync(libdir);
  const imagesDir = join(directory.path, "images");
  const criuOptions = { verbosity: 4, fileValidation: "filesize", libdir };
  await using app = await App.start("bun", { imagesDir, leaveRunning: true, criuOptions }, "self_app.ts");
  process.kill(app.pid, "SIGUSR2");
  assert.equal((await app.event("checkpoint")).outcome, "continued");
  assert.equal(readImages(imagesDir).processes[0]?.executable?.buildId, undefined);
  assert.match(readFileSync(join(imagesDir, "dump.log"), "utf8"), /\(\d+\.\d+\)/);
});
