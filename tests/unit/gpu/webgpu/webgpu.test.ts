/** WebGPU on a Vulkan device in software. The loader's path is read when a process starts, so each test has its own. */
import assert from "node:assert/strict";
import { cpSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { test } from "node:test";
import { checkAdapter } from "../../../../gpu/webgpu/backend.ts";
import { countHandles } from "../../../../gpu/webgpu/bun_handles.ts";
import { Gate } from "../../../../gpu/webgpu/gate.ts";
import { type TextureRecipe, textureState } from "../../../../gpu/webgpu/mod.ts";
import { findVulkan, vulkanEnvironment } from "../../../../setup/vulkan.ts";
import { startProgram } from "../../../support/child.ts";
import { assertFlat, growthOf } from "../../../support/rounds.ts";
import { runCommand } from "../../../support/runtimes.ts";
import { temporaryDirectory } from "../../../support/temporary_directory.ts";

const runtime = process.versions.bun ? "bun" : "deno";

async function play(scene: string, env: Record<string, string> = {}): Promise<void> {
  const [program, ...args] = runCommand[runtime] as [string, ...string[]];
  const script = join(import.meta.dirname as string, "../../../support/webgpu_scenes.ts");
  await using child = startProgram(program, [...args, script, scene], { ...vulkanEnvironment(), ...env });
  const { code, stdout, stderr } = await child.ended;
  assert.equal(code, 0, stdout + stderr);
  assert.match(stdout, /^right$/m);
}

const scenes: Record<string, string> = {
  conformance: "the WebGPU device passes the tests of a device",
  "the main thread": "on the main thread all works, and the device says what stays mapped",
  "calls and a checkpoint": "a call that is under way is waited for, and one that comes waits for the recovery",
  "a save goes on with the same objects": "a save without a checkpoint goes on with the same objects",
  errors: "errors of calls, sizes, limits and features say what is wrong",
  "a larger device": "a device with larger limits copies more than fits at once, to the last byte",
  "to host and back": "what one device saved another takes over, bit for bit: from WebGPU to the host and back",
  loss: "a device that is lost is told, and what was last saved comes back",
  "a copy that the device refuses": "a copy of a texture that the device refuses is an error, and the next one works",
  textures: "textures of any row length, mip level and layer, samplers, layouts and pipelines come back by name",
  "kinds of textures":
    "textures of every format, 3D and 1D ones too, come back bit for bit, and shaders see what was there",
  "a texture without its feature":
    "a compressed texture on a device without its feature is refused with its name and the feature",
};
for (const [scene, name] of Object.entries(scenes)) test(name, () => play(scene));

// A round takes 0.03 s in Bun, and 0.3 s in Deno, which starts a worker: there 300 are for whoever asks.
const rounds = Number(process.env.WEBGPU_ROUNDS ?? (runtime === "bun" ? 300 : 12));
test("saved, unloaded, opened and loaded again and again, whatever the app forgot, nothing grows but by what WebGPU leaks alone", {
  timeout: 600_000,
}, async () => {
  const env = vulkanEnvironment();
  const isLong = rounds >= 300;
  const [ours, alone] = await Promise.all([
    growthOf("webgpu_scenes.ts", ["rounds", rounds], env),
    isLong ? growthOf("webgpu_alone.ts", [rounds], env) : undefined,
  ]);
  console.log(JSON.stringify({ rounds, ours, alone }));
  // 200 rounds in which one forgotten device stays come to 40 MB; the driver's heap grows and shrinks by 6 MB at once.
  const rss = alone ? Math.max(0, alone.late.rss - alone.early.rss) + 20e6 : Number.POSITIVE_INFINITY;
  assertFlat(ours, { descriptors: 2, threads: 6, mappings: 60, rss });
});

// Bun unloads the driver without a worker.
if (runtime === "deno")
  test("a device in a worker passes the tests of a device", () => play("conformance in a worker"));

test("when the driver is not there after a restore the error says so, and the state comes back once it is", async () => {
  using directory = temporaryDirectory();
  const driver = join(directory.path, "driver");
  const swiftShader = findVulkan()?.icd as string;
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
  const { library, releaseAll, end } = countHandles({
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
  assert.deepEqual(released.splice(0), ["device 1"]);
  // What somebody kept reaches nothing any more.
  call("wgpuDeviceCreateBuffer");
  end();
  assert.equal(call("wgpuDeviceCreateBuffer"), 0);
  call("wgpuBufferRelease", 3);
  call("wgpuDeviceRelease", 1);
  releaseAll();
  assert.deepEqual(released, []);
});

test("the tensors of a texture have the slices of a 3D one, which get fewer, and whole blocks of a compressed one", () => {
  const shapes = (recipe: TextureRecipe) => Object.values(textureState(recipe)).map(({ shape }) => shape);
  assert.deepEqual(shapes({ dimension: "3d", format: "r16uint", width: 128, height: 7, depth: 11, mipLevels: 4 }), [
    [11, 7, 128, 2],
    [5, 3, 64, 2],
    [2, 1, 32, 2],
    [1, 1, 16, 2],
  ]);
  assert.deepEqual(shapes({ format: "bc1-rgba-unorm", width: 20, height: 12, layers: 3, mipLevels: 4 }), [
    [3, 3, 5, 8],
    [3, 2, 3, 8],
    [3, 1, 2, 8],
    [3, 1, 1, 8],
  ]);
  assert.deepEqual(shapes({ format: "astc-12x10-unorm", width: 36, height: 30, mipLevels: 2 }), [
    [1, 3, 3, 16],
    [1, 2, 2, 16],
  ]);
});

test("a texture whose depths cannot be copied back is refused, with the reason and what to do", () => {
  const refuses = (format: string, message: RegExp): void =>
    assert.throws(() => textureState({ format: format as GPUTextureFormat, width: 4 }), {
      name: "DeviceError",
      code: "failed",
      message,
    });
  for (const format of ["depth24plus", "depth24plus-stencil8"]) refuses(format, /no copy reaches them.*draw it anew/);
  for (const format of ["depth32float", "depth32float-stencil8"]) refuses(format, /but never back.*depth16unorm/);
  refuses("toString", /no such format is known/);
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
