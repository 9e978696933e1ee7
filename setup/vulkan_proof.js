/** Adds two numbers on the WebGPU device, and fails unless the result is right. No TypeScript, because the types of Bun and Deno together have no WebGPU. */
const adapter = await navigator.gpu.requestAdapter();
if (!adapter) throw new Error("Cannot find a WebGPU adapter: look at VK_ICD_FILENAMES and LD_LIBRARY_PATH.");
const device = await adapter.requestDevice();
const code = `@group(0) @binding(0) var<storage, read_write> v: array<u32>;
@compute @workgroup_size(1) fn main() { v[2] = v[0] + v[1]; }`;
const pipeline = device.createComputePipeline({
  layout: "auto",
  compute: { module: device.createShaderModule({ code }) },
});
const { STORAGE, COPY_SRC, COPY_DST, MAP_READ } = GPUBufferUsage;
const buffer = device.createBuffer({ size: 12, usage: STORAGE | COPY_SRC | COPY_DST });
const staging = device.createBuffer({ size: 12, usage: COPY_DST | MAP_READ });
device.queue.writeBuffer(buffer, 0, new Uint32Array([40, 2, 0]));
const encoder = device.createCommandEncoder();
const pass = encoder.beginComputePass();
pass.setPipeline(pipeline);
pass.setBindGroup(
  0,
  device.createBindGroup({ layout: pipeline.getBindGroupLayout(0), entries: [{ binding: 0, resource: { buffer } }] }),
);
pass.dispatchWorkgroups(1);
pass.end();
encoder.copyBufferToBuffer(buffer, 0, staging, 0, 12);
device.queue.submit([encoder.finish()]);
await staging.mapAsync(GPUMapMode.READ);
const [, , sum] = new Uint32Array(staging.getMappedRange());
device.destroy();
if (sum !== 42) throw new Error(`Cannot trust the WebGPU device: 40 + 2 is ${sum} there.`);
console.log(`${adapter.info.vendor} ${adapter.info.device}: 40 + 2 = ${sum}`);
process.exit(0);
