/**
 * The same rounds with the runtime's WebGPU and nothing of ours, to see what it leaks by itself: `webgpu_alone.ts ROUNDS
 * [anew]`. In Bun the package's library is opened once, or with `anew` for each round, as the package does it.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { driverFiles } from "./driver_files.ts";
import { playRounds } from "./rounds.ts";
import { waitFor } from "./time.ts";

const code = `@group(0) @binding(0) var<storage, read_write> numbers: array<u32>;
  @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) { numbers[id.x] += id.x; }`;
const BYTES = 4096;

/** The C functions of bun-webgpu by name. */
type Library = Record<string, (handle: number) => void>;

/** Computes on a device, reads the result, and releases everything it made, if there is a `lib` that can. */
async function compute(device: GPUDevice, lib: Library = {}): Promise<void> {
  const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
  const module = device.createShaderModule({ code });
  const buffer = device.createBuffer({ size: BYTES, usage: STORAGE | COPY_SRC });
  const staging = device.createBuffer({ size: BYTES, usage: COPY_DST | MAP_READ });
  const pipeline = device.createComputePipeline({ layout: "auto", compute: { module, entryPoint: "main" } });
  const layout = pipeline.getBindGroupLayout(0);
  const group = device.createBindGroup({ layout, entries: [{ binding: 0, resource: { buffer } }] });
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(pipeline);
  pass.setBindGroup(0, group);
  pass.dispatchWorkgroups(BYTES / 4 / 64);
  pass.end();
  encoder.copyBufferToBuffer(buffer, 0, staging, 0, BYTES);
  const commands = encoder.finish();
  device.queue.submit([commands]);
  await staging.mapAsync(GPUMapMode.READ);
  assert.equal(new Uint32Array(staging.getMappedRange())[1000], 1000);
  staging.unmap();
  buffer.destroy();
  staging.destroy();
  const made: readonly (readonly [kind: string, object: object])[] = [
    ["ComputePassEncoder", pass],
    ["CommandBuffer", commands],
    ["BindGroup", group],
    ["BindGroupLayout", layout],
    ["ComputePipeline", pipeline],
    ["ShaderModule", module],
    ["Buffer", buffer],
    ["Buffer", staging],
  ];
  for (const [kind, object] of made) lib[`wgpu${kind}Release`]?.((object as { readonly ptr: number }).ptr);
  device.destroy();
  await device.lost;
}

async function inBun(isAnew: boolean): Promise<() => Promise<void>> {
  const name = "bun-webgpu";
  const { createGPUInstance, globals } = await import(name);
  globals();
  const first = createGPUInstance();
  const { lib, constructor: Gpu } = first;
  first.destroy();
  const zero = [
    "StorageBuffersInVertex",
    "StorageBuffersInFragment",
    "StorageTexturesInVertex",
    "StorageTexturesInFragment",
  ];
  const requiredLimits = Object.fromEntries(zero.map((limit) => [`max${limit}Stage`, 0]));
  return async () => {
    // The package keeps no memory that Dawn still reads.
    Bun.gc(true);
    const gpu = isAnew ? createGPUInstance() : new Gpu(lib.wgpuCreateInstance(null), lib);
    const adapter = await gpu.requestAdapter();
    const device = await adapter.requestDevice({ requiredLimits, requiredFeatures: [] });
    await compute(device, gpu.lib);
    gpu.lib.wgpuDeviceRelease(device.ptr);
    adapter.destroy();
    gpu.destroy();
  };
}

/** Deno unloads the driver with the thread. */
async function inDeno(): Promise<void> {
  const worker = new Worker(import.meta.url, { type: "module", name: "alone" });
  await new Promise<void>((resolve, reject) => {
    worker.onmessage = () => resolve();
    worker.onerror = reject;
  });
  worker.terminate();
  await waitFor("the driver to go", () => driverFiles().length === 0);
}

if ((globalThis as { name?: string }).name === "alone") {
  const adapter = (await navigator.gpu.requestAdapter()) as GPUAdapter;
  await compute(await adapter.requestDevice());
  (globalThis as unknown as { postMessage(message: string): void }).postMessage("done");
} else {
  const [rounds = 300, anew] = process.argv.slice(2);
  const play = process.versions.bun ? await inBun(anew === "anew") : inDeno;
  const growth = await playRounds(Number(rounds), async () => {
    await play();
    assert.deepEqual(driverFiles(), []);
  });
  console.log(JSON.stringify(growth));
}
