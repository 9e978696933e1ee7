/** The driver is killed at every moment of a dump and of a restore: the app never pays for it. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { test } from "node:test";
import { command, rpc } from "criu-aware/driver";
import { App } from "../support/app.ts";
import { noCriu } from "../support/criu.ts";
import { type RuntimeName, runCommand, runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { waitFor } from "../support/time.ts";

const skip = noCriu;
const engines = { rpc, command };

async function driveToDeath(runtime: RuntimeName, ...args: readonly string[]): Promise<void> {
  const driver = join(import.meta.dirname as string, "../support/dying_driver.ts");
  const [program, ...rest] = [...runCommand[runtime], driver, ...args] as [string, ...string[]];
  const child = spawn(program, rest, { stdio: ["ignore", "ignore", "inherit"] });
  const signal = await new Promise((resolve) => child.once("exit", (_code, signal) => resolve(signal)));
  assert.equal(signal, "SIGKILL", "the driver lived on");
}

/** Whether a process is there and not a zombie. */
function lives(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

for (const [kind, wanted] of [
  ["rpc", runtimes],
  ["command", ["bun"]],
] as const) {
  for (const runtime of wanted) {
    for (const moment of ["notice", "pre-dump", "post-dump"]) {
      test(`${runtime} by ${kind}: killed at "${moment}" of a dump, the app goes on and can be dumped again`, {
        skip,
      }, async () => {
        using images = temporaryDirectory();
        await using app = await App.start(runtime);
        await driveToDeath(runtime, kind, "dump", String(app.pid), join(images.path, "first"), moment);
        // Before anybody was told there is nothing to let go; a hold whose driver is gone ends at once.
        if (moment !== "notice") assert.equal((await app.event("released", 1, 5_000)).outcome, "continued");
        await app.goesOn();
        const again = engines[kind]();
        await again.dump({ pid: app.pid, imagesDir: join(images.path, "second") });
        await app.ended();
        assert.equal(
          (await again.restore({ imagesDir: join(images.path, "second") })).processes[0]?.outcome,
          "restored",
        );
        await app.goesOn();
      });
    }

    for (const moment of ["pre-restore", "post-restore", "pre-resume", "post-resume"]) {
      test(`${runtime} by ${kind}: killed at "${moment}" of a restore, the app runs, or the image is restored next time`, {
        skip,
      }, async () => {
        using images = temporaryDirectory();
        const imagesDir = join(images.path, "images");
        await using app = await App.start(runtime);
        await engines[kind]().dump({ pid: app.pid, imagesDir });
        await app.ended();
        await driveToDeath(runtime, kind, "restore", String(app.pid), imagesDir, moment);
        if (moment === "pre-restore" || moment === "post-restore") {
          await waitFor("the half-restored process to go", () => !lives(app.pid), 10_000);
          await engines[kind]().restore({ imagesDir });
        }
        assert.equal((await app.event("after", 1, 5_000)).outcome, "restored");
        await app.goesOn();
      });
    }
  }
}
