/** State on a WebGPU device through real CRIU: the driver is out of the process, and another one may take over. */
import assert from "node:assert/strict";
import { cpSync, existsSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { DumpRefusedError, rpc } from "criu-aware/driver";
import { findVulkan, vulkanEnvironment } from "../../setup/vulkan.ts";
import { App } from "../support/app.ts";
import { noCriu } from "../support/criu.ts";
import { driverFiles } from "../support/driver_files.ts";
import { type RuntimeName, runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { sleep } from "../support/time.ts";

const skip = noCriu;

/** Starts the app with a Vulkan driver. */
async function start(runtime: RuntimeName, icd?: string, options: object = {}): Promise<App> {
  const before = { ...process.env };
  Object.assign(process.env, vulkanEnvironment(icd));
  try {
    return await App.start(runtime, options, "webgpu_app.ts");
  } finally {
    for (const name of Object.keys(vulkanEnvironment(icd))) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  }
}

/** Has it compute one step, and checks that what it holds is right. */
async function step(app: App, wanted: number): Promise<void> {
  process.kill(app.pid, "SIGWINCH");
  const { step, right } = await app.event("tick", wanted);
  assert.equal(step, wanted);
  assert.equal(right, true);
}

/** Dumps the app, and resolves with the files of a driver that it had mapped while it was held. */
async function dump(app: App, imagesDir: string): Promise<string[]> {
  let mapped: string[] | undefined;
  await rpc().dump({
    pid: app.pid,
    imagesDir,
    onPhase: ({ name }) => {
      if (name === "ready") mapped = driverFiles(app.pid);
    },
  });
  // Restored by others than this process, it is reaped by others.
  for (let ms = 0; existsSync(`/proc/${app.pid}`) && ms < 20_000; ms += 20) await sleep(20);
  return mapped ?? assert.fail("it was never ready");
}

async function restore(app: App, imagesDir: string): Promise<void> {
  const { processes } = await rpc().restore({ imagesDir });
  assert.equal(processes[0]?.outcome, "restored", app.output());
}

for (const runtime of runtimes) {
  test(`${runtime}: three rounds in a row the driver is out while the app is held, and the state comes back`, {
    skip,
  }, async () => {
    using images = temporaryDirectory();
    await using app = await start(runtime);
    await step(app, 1);
    for (let round = 1; round <= 3; round++) {
      const imagesDir = join(images.path, String(round));
      assert.equal(driverFiles(app.pid).length >= 2, true);
      assert.deepEqual(await dump(app, imagesDir), []);
      await restore(app, imagesDir);
      assert.equal((await app.event("recovered", round)).outcome, "restored");
      await step(app, round + 1);
    }
  });

  test(`${runtime}: with the first driver's file gone, another at another place takes over`, { skip }, async () => {
    using directory = temporaryDirectory();
    const swiftShader = findVulkan()?.icd as string;
    const place = (name: string): string => join(directory.path, name, basename(swiftShader));
    cpSync(dirname(swiftShader), dirname(place("first")), { recursive: true });
    await using app = await start(runtime, `${place("first")}:${place("second")}`);
    await step(app, 1);
    const first = join(directory.path, "first/libvk_swiftshader.so");
    assert.ok(driverFiles(app.pid).includes(first));
    await dump(app, join(directory.path, "images"));
    rmSync(dirname(place("first")), { recursive: true });
    cpSync(dirname(swiftShader), dirname(place("second")), { recursive: true });
    await restore(app, join(directory.path, "images"));
    await step(app, 2);
    assert.ok(driverFiles(app.pid).includes(join(directory.path, "second/libvk_swiftshader.so")));
  });

  test(`${runtime}: a device that was left open is named and refused, and the state is as it was`, {
    skip,
  }, async () => {
    using images = temporaryDirectory();
    await using app = await start(runtime, undefined, { holdsDevice: "/dev/fuse" });
    await step(app, 1);
    await assert.rejects(rpc().dump({ pid: app.pid, imagesDir: join(images.path, "images") }), (error) => {
      assert.ok(error instanceof DumpRefusedError, String(error));
      assert.match(error.message, /\/dev\/fuse/);
      return true;
    });
    assert.equal((await app.event("recovered")).outcome, "aborted");
    await step(app, 2);
  });
}
