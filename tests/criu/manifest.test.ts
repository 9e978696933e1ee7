/** The manifest of a real dump: it fits before and after a restore, and no damage passes it. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync, realpathSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { checkManifest, type DumpFacts, readManifest, writeManifest } from "../../images/mod.ts";
import { App } from "../support/app.ts";
import { noCriu, runCriu } from "../support/criu.ts";
import { runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { waitFor } from "../support/time.ts";

const skip = noCriu;
const facts: DumpFacts = { criu: "4.2.1", noticeId: undefined, apps: [], leftRunning: false, criuOptions: {} };

function criu(...args: string[]): void {
  const { status, output } = runCriu(args);
  assert.equal(status, 0, output);
}

for (const runtime of runtimes) {
  test(`${runtime}: an untouched dump fits, before and after a restore, and names the program that ran`, {
    skip,
  }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start(runtime);
    const program = realpathSync(`/proc/${app.pid}/exe`);
    criu("dump", "--tree", String(app.pid), "--images-dir", images.path, "--log-file", "dump.log");
    await app.ended();
    await writeManifest(images.path, facts);
    assert.deepEqual(await checkManifest(images.path, { criu: "4.2.1" }), []);
    assert.deepEqual(
      readManifest(images.path).programs.map(({ path }) => path),
      [program],
    );
    criu("restore", "--images-dir", images.path, "--log-file", "restore.log", "--restore-detached");
    await app.goesOn();
    assert.deepEqual(await checkManifest(images.path), []);
    process.kill(app.pid, "SIGKILL");
    await waitFor("the restored process to end", () => !existsSync(`/proc/${app.pid}`), 10_000);
  });

  test(`${runtime}: damage to any file of a dump is noticed`, { skip }, async () => {
    using images = temporaryDirectory();
    await using app = await App.start(runtime);
    criu("dump", "--tree", String(app.pid), "--images-dir", images.path, "--log-file", "dump.log", "--leave-running");
    await writeManifest(images.path, facts);
    const files = readdirSync(images.path).filter((name) => name.endsWith(".img"));
    assert.ok(files.length > 8);
    for (const name of files) {
      const path = join(images.path, name);
      const bytes = readFileSync(path);
      const noticed = async (): Promise<void> => {
        const [problem, ...more] = await checkManifest(images.path);
        assert.equal(more.length, 0);
        assert.ok(problem?.severity === "error" && problem.what.includes(path), `${name}: ${problem?.what}`);
      };
      const changed = Buffer.from(bytes);
      changed[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 0x80;
      writeFileSync(path, changed);
      await noticed();
      truncateSync(path, bytes.length - 1);
      await noticed();
      rmSync(path);
      await noticed();
      writeFileSync(path, bytes);
    }
    assert.deepEqual(await checkManifest(images.path), []);
    await app.goesOn();
  });
}
