import assert from "node:assert/strict";
import { test } from "node:test";
import { bindBuffers } from "../../../../gpu/device/bind.ts";
import { deviceTests } from "../../../../gpu/device/conformance.ts";
import {
  allocateBuffers,
  type Device,
  defineState,
  type HostBufferKind,
  host,
  scalar,
  tensor,
} from "../../../../gpu/mod.ts";
import { openDevice } from "../../../../gpu/open_device.ts";
import { throwsCode } from "../../../support/gpu_errors.ts";

const schema = defineState({
  weights: tensor("f32", [2, 2]),
  model: { bias: tensor("i64", [1]) },
  step: scalar("u32"),
  none: tensor("u8", [0]),
});

for (const { name, run } of deviceTests(() => openDevice("host"))) test(`host: ${name}`, run);

/** Devices that are wrong in one way each. */
const wrong: Record<string, (device: Device<HostBufferKind>) => Partial<Device<HostBufferKind>>> = {
  "loses a byte": (device) => ({
    async upload(buffer, view) {
      await device.upload(buffer, view);
      if (buffer.array.byteLength > 3) new Uint8Array(buffer.array.buffer)[3] = 0;
    },
  }),
  "does not clear": (device) => ({
    async allocate(dtype, shape) {
      const buffer = await device.allocate(dtype, shape);
      new Uint8Array(buffer.array.buffer).fill(1);
      return buffer;
    },
  }),
  "says the wrong shape": (device) => ({
    allocate: async (dtype, shape) => ({ ...(await device.allocate(dtype, shape)), shape: [1] }),
  }),
  "downloads nothing": () => ({ download: () => {} }),
  "forgets what it holds when it refuses": (device) => {
    const made: { readonly array: { fill(value: never): unknown } }[] = [];
    return {
      async allocate(dtype, shape) {
        try {
          const buffer = await device.allocate(dtype, shape);
          made.push(buffer as never);
          return buffer;
        } catch (error) {
          for (const { array } of made) array.fill(0 as never);
          throw error;
        }
      },
    };
  },
  "cannot be resumed": () => ({ resume: () => assert.fail("gone") }),
};
for (const [what, change] of Object.entries(wrong)) {
  test(`the conformance tests fail for a device that ${what}`, async () => {
    const inner = host();
    const results = deviceTests(async () => ({ ...inner, ...change(inner) }) as Device).map(({ run }) => run());
    const failed = (await Promise.allSettled(results)).filter(({ status }) => status === "rejected");
    assert.ok(failed.length > 0);
  });
}

test("openDevice names the devices that there are", async () => {
  await assert.rejects(openDevice("abacus" as "host"), /Cannot open the device abacus: there is host, webgpu, cuda/);
});

test("bindBuffers gives the device every buffer by its full name", async () => {
  const device = host();
  const buffers = await allocateBuffers(device, schema);
  const bound: [string, unknown][] = [];
  const bind = (named: ReadonlyMap<string, unknown>): void => void bound.push(...named);
  await bindBuffers({ ...device, bind }, schema, buffers);
  assert.deepEqual(bound, [
    ["weights", buffers.weights.current],
    ["model.bias", buffers.model.bias.current],
    ["step", buffers.step.current],
    ["none", buffers.none.current],
  ]);
});

test("the host device gives buffers of zeros with their typed array", async () => {
  using device = host();
  const buffer = await device.allocate("f32", [2, 3]);
  assert.equal(device.kind, "host");
  assert.equal(buffer.dtype, "f32");
  assert.deepEqual(buffer.shape, [2, 3]);
  assert.deepEqual(buffer.array, new Float32Array(6));
  throwsCode(() => device.allocate("f32", [-1]), "schema");
});

test("upload and download copy bit by bit", async () => {
  using device = host();
  const buffer = await device.allocate("f32", [2]);
  const bits = Uint32Array.of(0x7fa00001, 0x80000000);
  await device.upload(buffer, new Float32Array(bits.slice().buffer));
  await device.fence();
  const back = new Float32Array(2);
  await device.download(buffer, back);
  await device.fence();
  assert.deepEqual(new Uint32Array(back.buffer), bits);
});

test("a released host buffer is empty", async () => {
  using device = host();
  const buffer = await device.allocate("u8", [4]);
  await device.release(buffer);
  assert.equal(buffer.array.length, 0);
});

test("allocateBuffers makes a handle for everything in the schema, nested as the schema is", async () => {
  const { weights, model, step, none } = await allocateBuffers(host(), schema);
  weights.current.array[3] = 0.5;
  model.bias.current.array[0] = 5n;
  assert.deepEqual(weights.current.array, Float32Array.of(0, 0, 0, 0.5));
  assert.deepEqual(model.bias.current.array, BigInt64Array.of(5n));
  assert.equal(step.current.array.length, 1);
  assert.equal(none.current.array.length, 0);
});

test("when one buffer cannot be allocated those before it are released", async () => {
  const inner = host();
  const live = new Set<unknown>();
  const device: Device<HostBufferKind> = {
    ...inner,
    allocate(dtype, shape) {
      if (dtype === "u32") throw new Error("out of memory");
      const buffer = inner.allocate(dtype, shape);
      live.add(buffer);
      return buffer;
    },
    release: (buffer) => void live.delete(buffer),
  };
  await assert.rejects(allocateBuffers(device, schema), /out of memory/);
  assert.equal(live.size, 0);
});
