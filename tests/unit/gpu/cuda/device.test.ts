/** The CUDA device on a fake of libcuda: the order of calls, what is given back, and errors. Nothing here ran on a GPU. */
import assert from "node:assert/strict";
import { closeSync, openSync } from "node:fs";
import { after, test } from "node:test";
import { crc32 } from "node:zlib";
import { deviceFiles } from "../../../../gpu/cuda/held.ts";
import { type CudaBufferKind, type CudaDevice, cuda } from "../../../../gpu/cuda/mod.ts";
import { sharedMappings } from "../../../../gpu/cuda/pinned.ts";
import {
  allocateBuffers,
  type Buffers,
  defineState,
  openState,
  type State,
  scalar,
  tensor,
} from "../../../../gpu/mod.ts";
import { noCompiler } from "../../../support/c_compiler.ts";
import { fakeCuda } from "../../../support/cuda_fake.ts";

const skip = noCompiler();
const fake = skip ? undefined! : await fakeCuda();
after(() => fake?.[Symbol.dispose]());

const MIB = 2 ** 20;
const OUT_OF_MEMORY = 2;
const ILLEGAL_ADDRESS = 700;

const nothing = { buffers: 0, pinned: 0, contexts: 0, depth: 0 };

/** A device of the fake, with everything before it forgotten. */
async function open(options: { gpu?: number; gpus?: number; memory?: number } = {}): Promise<CudaDevice> {
  fake.reset(options.gpus, options.memory);
  return cuda({ library: fake.library, gpu: options.gpu ?? 0 });
}

const schema = defineState({
  weights: tensor("f32", [5 * MIB]),
  model: { bias: tensor("u8", [3]) },
  step: scalar("u32"),
  none: tensor("f32", [0]),
});
type Trainer = Disposable & {
  device: CudaDevice;
  state: State<typeof schema>;
  buffers: Buffers<typeof schema, CudaBufferKind>;
};

async function trainer(): Promise<Trainer> {
  const device = await open();
  const state = await openState(schema);
  const buffers = await allocateBuffers<typeof schema, CudaBufferKind>(device, schema);
  return {
    device,
    state,
    buffers,
    [Symbol.dispose](): void {
      device[Symbol.dispose]();
      state[Symbol.dispose]();
    },
  };
}

test("a buffer holds zeros, and nobody gets it before they are there", { skip }, async () => {
  using device = await open();
  fake.log();
  const buffer = await device.allocate("f32", [3, 2]);
  assert.deepEqual(fake.names(/MemAlloc|Memset|Synchronize/), ["cuMemAlloc_v2", "cuMemsetD8Async", "cuCtxSynchronize"]);
  assert.deepEqual([buffer.dtype, buffer.shape, buffer.bytes], ["f32", [3, 2], 24]);
  const view = new Float32Array(6).fill(7);
  device.download(buffer, view);
  await device.fence();
  assert.deepEqual(view, new Float32Array(6));
});

test("an empty tensor takes no memory of the GPU and no copies", { skip }, async () => {
  using device = await open();
  const buffer = await device.allocate("f32", [0, 4]);
  fake.log();
  device.upload(buffer, new Float32Array(0));
  const view = new Float32Array(0);
  device.download(buffer, view);
  await device.fence();
  device.release(buffer);
  assert.deepEqual(fake.names(/Memcpy|Mem(Alloc|Free)|HostRegister/), []);
  assert.equal(buffer.address, 0n);
  assert.equal(device.checksumOf(view.buffer), 0);
});

test("what was uploaded is downloaded bit by bit, in chunks, and its checksum is that of zlib", { skip }, async () => {
  using device = await open();
  const bytes = 40 * MIB + 4;
  const from = crypto.getRandomValues(new Uint8Array(65536));
  const filled = new Uint8Array(bytes).map((_, i) => from[(i * 7) % 65536] as number);
  const buffer = await device.allocate("u8", [bytes]);
  device.upload(buffer, filled);
  await device.fence();
  fake.log();
  const view = new Uint8Array(bytes);
  device.download(buffer, view);
  assert.equal(device.checksumOf(view.buffer), undefined);
  await device.fence();
  assert.equal(Buffer.compare(view, filled), 0);
  assert.equal(device.checksumOf(view.buffer), crc32(filled));
  const copies = fake.log().filter((line) => line.startsWith("cuMemcpyDtoH"));
  assert.deepEqual(
    copies.map((line) => Number(line.split(" ")[1])),
    [16 * MIB, 16 * MIB, 8 * MIB + 4],
  );
});

test("all copies are under way before the first is waited for, and each is marked by an event", { skip }, async () => {
  using device = await open();
  const buffer = await device.allocate("u8", [33 * MIB]);
  fake.log();
  device.download(buffer, new Uint8Array(33 * MIB));
  await device.fence();
  const calls = fake.names(/Memcpy|EventRecord|EventQuery|Synchronize/).filter((name, i, all) => name !== all[i - 1]);
  const copy = ["cuMemcpyDtoHAsync_v2", "cuEventRecord"];
  assert.deepEqual(calls, [
    ...copy,
    ...copy,
    ...copy,
    "cuEventQuery",
    "cuEventRecord",
    "cuEventQuery",
    "cuCtxSynchronize",
  ]);
});

test("a state is pinned as a whole, once, and copies go straight into it", { skip }, async () => {
  using t = await trainer();
  fake.log();
  for (let round = 0; round < 2; round++) {
    using writer = t.state.begin();
    t.device.download(t.buffers.weights.current, writer.views.weights);
    t.device.download(t.buffers.step.current, writer.views.step);
    await t.device.fence();
    writer.commit();
  }
  const log = fake.log();
  const pages = Math.ceil(t.state.bytes / 4096) * 4096;
  assert.deepEqual(
    log.filter((line) => line.includes("HostRegister")),
    [`cuMemHostRegister_v2 ${pages} 1`],
  );
  const copies = log.filter((line) => line.includes("DtoH"));
  assert.equal(copies.length, 6);
  assert.ok(
    copies.every((line) => line.endsWith(" 1")),
    copies.join(),
  );
  assert.equal(t.device.pinnedBytes, pages);
});

test("pin() pins ahead of the first save; memory that is not shared is copied all the same", { skip }, async () => {
  using t = await trainer();
  using writer = t.state.begin();
  assert.equal(t.device.pin(writer.views.weights), true);
  assert.equal(fake.held().pinned, 1);
  assert.equal(t.device.pin(new Uint8Array(16)), false);
  fake.fail("cuMemHostRegister_v2", OUT_OF_MEMORY);
  using other = await openState(schema);
  using second = other.begin();
  assert.equal(t.device.pin(second.views.weights), false);
});

test("a segment that is gone is unpinned before another one takes its address", { skip }, async () => {
  using device = await open();
  const buffer = await device.allocate("f32", [5 * MIB]);
  for (let round = 0; round < 2; round++) {
    using state = await openState(schema);
    using writer = state.begin();
    device.download(buffer, writer.views.weights);
    await device.fence();
    assert.equal(fake.held().pinned, 1);
  }
  for (let round = 0; round < 2; round++) {
    using state = await openState(schema);
    using writer = state.begin();
    assert.equal(device.pin(writer.views.weights), true);
  }
  const [pin, unpin] = ["cuMemHostRegister_v2", "cuMemHostUnregister"];
  assert.deepEqual(fake.names(/Register|Unregister/), [pin, unpin, pin, unpin, pin, unpin, pin]);
});

test("suspend() gives back pinned memory, stream and context, in this order; resume() opens the GPU again", {
  skip,
}, async () => {
  using t = await trainer();
  const { device, buffers } = t;
  assert.throws(() => device.suspend(), { name: "CudaHeldError", message: /3 buffers of GPU 0 with \d+ bytes/ });
  {
    using writer = t.state.begin();
    device.pin(writer.views.weights);
  }
  for (const { current } of [buffers.weights, buffers.model.bias, buffers.step, buffers.none]) device.release(current);
  fake.log();
  device.suspend();
  device.suspend();
  assert.deepEqual(fake.held(), nothing);
  assert.deepEqual(
    fake.names(/Unregister|Destroy|Release|GetState/).filter((name, i, all) => name !== all[i - 1]),
    [
      "cuMemHostUnregister",
      "cuEventDestroy_v2",
      "cuStreamDestroy_v2",
      "cuDevicePrimaryCtxRelease_v2",
      "cuDevicePrimaryCtxGetState",
    ],
  );
  await assert.rejects(async () => device.allocate("u8", [1]), { name: "DeviceError", code: "suspended" });
  device.resume();
  device.resume();
  assert.equal(fake.held().contexts, 1);
  device.release(await device.allocate("u8", [1]));
});

test("a context that another library holds refuses, unless NVIDIA's driver takes care of it", { skip }, async () => {
  using device = await open();
  fake.other(0, true);
  assert.throws(() => device.suspend(), {
    name: "CudaHeldError",
    held: ["the context of GPU 0"],
    message: /Another library uses it: close that one/,
  });
  device.resume();
  device.suspend(["cuda"]);
  assert.equal(fake.held().contexts, 0);
});

test("a GPU that is smaller than what was in use is refused, and the device stays suspended", { skip }, async () => {
  using device = await open({ memory: 64 * MIB });
  device.release(await device.allocate("u8", [32 * MIB]));
  device.suspend();
  fake.memory(16 * MIB);
  assert.throws(() => device.resume(), {
    name: "DeviceError",
    code: "different",
    message: /16777216 bytes, and 33554432/,
  });
  await assert.rejects(async () => device.fence(), { code: "suspended" });
});

test("two GPUs are two devices, and each call has the context of its own", { skip }, async () => {
  using first = await open();
  using second = await cuda({ library: fake.library, gpu: 1 });
  assert.equal(second.gpu.uuid, "GPU-10111213-1415-1617-1819-1a1b1c1d1e1f");
  assert.equal(second.gpu.name, "Fake GPU 1");
  const [one, two] = [await first.allocate("u8", [4]), await second.allocate("u8", [4])];
  first.upload(one, Uint8Array.of(1, 2, 3, 4));
  second.upload(two, Uint8Array.of(5, 6, 7, 8));
  await Promise.all([first.fence(), second.fence()]);
  const [a, b] = [new Uint8Array(4), new Uint8Array(4)];
  first.download(one, a);
  second.download(two, b);
  await Promise.all([first.fence(), second.fence()]);
  assert.deepEqual([...a, ...b], [1, 2, 3, 4, 5, 6, 7, 8]);
  first.release(one);
  second.release(two);
  assert.deepEqual(fake.held(), { ...nothing, contexts: 2 });
});

test("disposal gives back everything, buffers included", { skip }, async () => {
  {
    using t = await trainer();
    using writer = t.state.begin();
    t.device.download(t.buffers.weights.current, writer.views.weights);
  }
  assert.deepEqual(fake.held(), nothing);
});

test("waiting for a GPU lets timers run", { skip }, async () => {
  using device = await open();
  fake.slow(1e9);
  const waiting = device.fence();
  assert.equal(await Promise.race([waiting, new Promise((resolve) => setTimeout(resolve, 20, "timer"))]), "timer");
  fake.slow(0);
  await waiting;
});

test("a view of another length than the buffer is refused before the GPU writes beyond it", { skip }, async () => {
  using device = await open();
  const buffer = await device.allocate("u8", [8]);
  assert.throws(() => device.download(buffer, new Uint8Array(4)), RangeError);
  assert.throws(() => device.upload(buffer, new Uint8Array(16)), RangeError);
});

test("errors have the name of cuda.h, say what was to be done, and what to do; nothing is lost by them", {
  skip,
}, async () => {
  using device = await open({ memory: MIB });
  await assert.rejects(device.allocate("u8", [2 * MIB]) as Promise<unknown>, {
    name: "CudaError",
    code: "CUDA_ERROR_OUT_OF_MEMORY",
    result: 2,
    message: /^Cannot take 2097152 bytes of GPU 0: CUDA_ERROR_OUT_OF_MEMORY\. Free memory of the GPU/,
  });
  fake.fail("cuMemsetD8Async", ILLEGAL_ADDRESS);
  await assert.rejects(device.allocate("u8", [4]) as Promise<unknown>, { code: "CUDA_ERROR_ILLEGAL_ADDRESS" });
  assert.deepEqual(fake.held(), { ...nothing, contexts: 1 });
  fake.fail("cuEventQuery", ILLEGAL_ADDRESS);
  await assert.rejects(device.fence() as Promise<unknown>, /restart the app/);
  await device.fence();
});

test("a GPU that there is not is an error that says where to look", { skip }, async () => {
  await assert.rejects(open({ gpu: 2 }), { code: "CUDA_ERROR_INVALID_DEVICE", message: /open GPU 2.*nvidia-smi -L/ });
});

test("a fence that failed leaves no checksum that could be taken for one", { skip }, async () => {
  using device = await open();
  const buffer = await device.allocate("u8", [20 * MIB]);
  const view = new Uint8Array(20 * MIB);
  device.download(buffer, view);
  fake.fail("cuEventQuery", ILLEGAL_ADDRESS, 3);
  await assert.rejects(device.fence() as Promise<unknown>);
  assert.equal(device.checksumOf(view.buffer), undefined);
});

test("no library, none that is complete, and no GPU are three errors that say what to do", { skip }, async () => {
  await assert.rejects(cuda({ library: "libno-such-cuda.so.1" }), {
    name: "CudaUnavailableError",
    reason: "no driver",
    message: /there is no libno-such-cuda\.so\.1\. Install NVIDIA's driver/,
  });
  await assert.rejects(open({ gpus: 0 }), { reason: "no GPU", message: /nvidia-smi -L/ });
  fake.reset();
  fake.fail("cuInit", 999);
  await assert.rejects(cuda({ library: fake.library }), { name: "CudaError", code: "CUDA error 999" });
});

test("device files that are open or mapped are named, by descriptor", () => {
  const fd = openSync("/dev/null", "r");
  try {
    const found = deviceFiles("self", /^\/dev\/null$/);
    assert.ok(found.includes(`/dev/null (descriptor ${fd})`), found.join());
  } finally {
    closeSync(fd);
  }
  assert.ok(deviceFiles("self", /libc\.so|libc-|musl/).some((line) => line.endsWith("(mapped)")));
  assert.deepEqual(deviceFiles(), []);
});

test("only mappings that are shared and writable can be pinned", () => {
  const maps = [
    "7f0000000000-7f0000002000 rw-s 00000000 00:01 7 /memfd:criu-aware-state (deleted)",
    "7f0000002000-7f0000003000 r--s 00000000 00:01 8 /dev/shm/x",
    "7f0000003000-7f0000004000 rw-p 00000000 00:00 0 ",
  ].join("\n");
  assert.deepEqual(sharedMappings(maps), [{ start: 0x7f0000000000n, end: 0x7f0000002000n, file: "00000000 00:01 7" }]);
});
