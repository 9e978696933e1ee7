/** WebGPU on a Vulkan device in software. The loader's path is read when a process starts, so each test has its own. */
import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { checkAdapter } from "../../gpu/webgpu/backend.ts";
import { countHandles } from "../../gpu/webgpu/bun_handles.ts";
import { Gate } from "../../gpu/webgpu/gate.ts";
import { swiftShader, vulkanEnvironment } from "../../setup/vulkan.ts";
import { startProgram } from "../support/child.ts";
import { runCommand } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const runtime = process.versions.bun ? "bun" : "deno";

async function play(scene: string, env: Record<string, string> = {}): Promise<void> {
  const [program, ...args] = runCommand[runtime] as [string, ...string[]];
  const script = join(import.meta.dirname as string, "../support/webgpu_scenes.ts");
  await using child = startProgram(program, [...args, script, scene], { ...vulkanEnvironment(), ...env });
  const { code, stdout, stderr } = await child.ended;
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /^right$/m);
}

const scenes: Record<string, string> = {
  conformance: "the WebGPU device passes the tests of a device",
  rounds: "saved, unloaded, opened and loaded again and again, whatever the app forgot, nothing grows",
  "the main thread": "on the main thread all works, and the device says what stays mapped",
  "calls and a checkpoint": "a call that is under way is waited for, and one that comes waits for the recovery",
  "a save goes on with the same objects": "a save without a checkpoint goes on with the same objects",
  errors: "errors of calls, sizes, limits and features say what is wrong",
  "a larger device": "a device with larger limits copies more than fits at once, to the last byte",
  "to host and back": "what one device saved another takes over, bit for bit: from WebGPU to the host and back",
  loss: "a device that is lost is told, and what was last saved comes back",
  textures: "textures of any row length, mip level and layer, samplers, layouts and pipelines come back by name",
};
for (const [scene, name] of Object.entries(scenes)) test(name, () => play(scene));

// Bun unloads the driver without a worker.
if (runtime === "deno")
  test("a device in a worker passes the tests of a device", () => play("conformance in a worker"));

test("when the driver is not there after a restore the error says so, and the state comes back once it is", async () => {
  using directory = temporaryDirectory();
  const driver = join(directory.path, "driver");
  cpSync(dirname(swiftShader), driver, { recursive: true });
  await play("a driver that is away", { VK_ICD_FILENAMES: join(driver, basename(swiftShader)) });
});

test("where there is no driver the error says what is needed", () =>
  play("no driver", { VK_ICD_FILENAMES: "/nonexistent/icd.json" }));

test("an adapter that lacks something is refused with all that it lacks", () => {
  const adapter = {
    limits: { maxBufferSize: 100, minStorageBufferOffsetAlignment: 256 },
    features: new Set(["timestamp-query"]),
  } as unknown as GPUAdapter;
  const needs = (limits: Record<string, number>, ...features: string[]) =>
    checkAdapter(adapter, "x", { limits, features });
  needs({ maxBufferSize: 100, minStorageBufferOffsetAlignment: 256 }, "timestamp-query");
  assert.throws(
    () => needs({ maxBufferSize: 101, minStorageBufferOffsetAlignment: 32, maxNew: 1 }, "shader-f16"),
    /lacks maxBufferSize 101 \(it has 100\), minStorageBufferOffsetAlignment 32 \(it has 256\), maxNew 1 \(it has NaN\), the feature shader-f16/,
  );
});

test("in Bun every reference that was taken is released once, also what the app released itself or forgot", () => {
  const released: string[] = [];
  const release = (kind: string) => (handle: number) => void released.push(`${kind} ${handle}`);
  let next = 0;
  const { library, releaseAll } = countHandles({
    wgpuDeviceCreateBuffer: () => ++next,
    wgpuBufferRelease: release("buffer"),
    wgpuComputePipelineGetBindGroupLayout: () => 100,
    wgpuBindGroupLayoutRelease: release("layout"),
    wgpuCommandEncoderBeginComputePass: () => 200,
    wgpuComputePassEncoderEnd: () => {},
    wgpuComputePassEncoderRelease: release("pass"),
    wgpuDeviceRelease: release("device"),
  });
  const call = (name: string, handle = 0): number => library[name]?.(handle);
  const [first] = [call("wgpuDeviceCreateBuffer"), call("wgpuDeviceCreateBuffer")];
  call("wgpuBufferRelease", first);
  call("wgpuBufferRelease", first);
  assert.deepEqual(released.splice(0), ["buffer 1"]);
  call("wgpuCommandEncoderBeginComputePass");
  call("wgpuComputePassEncoderEnd", 200);
  assert.deepEqual(released.splice(0), ["pass 200"]);
  // The same object, asked for twice, has two references.
  call("wgpuComputePipelineGetBindGroupLayout");
  call("wgpuComputePipelineGetBindGroupLayout");
  releaseAll();
  releaseAll();
  assert.deepEqual(released.splice(0).sort(), ["buffer 2", "layout 100", "layout 100"]);
  call("wgpuDeviceRelease", 1);
  assert.deepEqual(released, ["device 1"]);
});

test("a gate lets work through, and closed it waits for what is inside and holds back what comes", async () => {
  const gate = new Gate();
  const said: string[] = [];
  const inside = gate.through(async () => {
    await Promise.resolve();
    said.push("inside");
  });
  const closed = gate.close().then(() => said.push("closed"));
  const late = gate.through(() => said.push("late"));
  await Promise.all([inside, closed]);
  assert.deepEqual(said, ["inside", "closed"]);
  gate.open();
  await late;
  assert.deepEqual(said, ["inside", "closed", "late"]);
  await assert.rejects(
    gate.through(() => assert.fail("told")),
    /told/,
  );
  await gate.close();
});
