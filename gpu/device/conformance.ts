/**
 * What every device must do, as tests for any runner: for those who implement `Device` themselves.
 *
 * In Deno it needs what the device needs.
 *
 * @module
 */
import assert from "node:assert/strict";
import { arrayOver, type DType, describe, dtypes, elementBytes, elementsOf, type OwnArrayOf } from "../state/dtype.ts";
import { tensor } from "../state/schema.ts";
import { openTensors } from "../state/tensors.ts";
import type { Device, DeviceBuffer } from "./device.ts";

/** One test. `run` rejects when the device does not pass. */
export interface DeviceTest {
  /** A sentence about what must hold. */
  readonly name: string;
  /** Makes its own buffers, and releases them. */
  run(): Promise<void>;
}

const names = Object.keys(dtypes) as DType[];
/** Odd numbers of bytes, nothing at all, and more than one page. */
const shapes: readonly (readonly number[])[] = [[], [0], [1], [3], [5, 7], [4, 0, 2], [4099]];

type Described = readonly [dtype: DType, shape: readonly number[]];
const everything: readonly Described[] = names.flatMap((dtype) => shapes.map((shape): Described => [dtype, shape]));

/**
 * The tests of a device. `open` is called anew by each, and what it gives is disposed.
 *
 * @example
 * ```ts
 * import { test } from "node:test";
 * import { host } from "criu-aware/gpu";
 * import { deviceTests } from "criu-aware/gpu/conformance";
 * for (const { name, run } of deviceTests(async () => host())) test(name, run);
 * ```
 */
export function deviceTests(open: () => Promise<Device>): DeviceTest[] {
  const withDevice = (name: string, work: (device: Device) => Promise<void>): DeviceTest => ({
    name,
    async run() {
      using device = await open();
      await work(device);
    },
  });
  return [
    withDevice("a new buffer is of zeros, and says what it holds", async (device) => {
      const all = await allocate(device, everything);
      for (const [i, { dtype, shape }] of all.entries())
        assert.deepEqual([dtype, shape], everything[i], "what the buffer says of itself");
      const zeros = everything.map(([dtype, shape]) => pattern(dtype, shape, 0).fill(0));
      same(all, await read(device, all), zeros);
    }),
    withDevice("what is uploaded is downloaded, bit by bit, in every type and length", async (device) => {
      const all = await allocate(device, everything);
      // Every bit pattern comes: signalling NaN, negative zero, denormals.
      const contents = everything.map(([dtype, shape], i) => pattern(dtype, shape, i));
      await write(device, all, contents);
      same(all, await read(device, all), contents);
    }),
    withDevice("a second upload replaces the first, and buffers do not touch each other", async (device) => {
      const lengths = Array.from({ length: 300 }, (_, i) => i);
      const all = await allocate(
        device,
        lengths.map((length) => ["u8", [length]]),
      );
      for (const seed of [1, 2])
        await write(
          device,
          all,
          lengths.map((length) => pattern("u8", [length], length * seed)),
        );
      const kept = lengths.filter((length) => length < 100 || length >= 200);
      for (const buffer of all.splice(100, 100)) await device.release(buffer);
      const wanted = kept.map((length) => pattern("u8", [length], length * 2));
      same(all, await read(device, all), wanted);
    }),
    withDevice("uploads and downloads into shared memory are done when the fence is", async (device) => {
      using memory = await openTensors({ slots: 2 });
      const specs = names.map((dtype) => [`t.${dtype}`, tensor(dtype, [1023])] as const);
      const buffers = await allocate(
        device,
        names.map((dtype) => [dtype, [1023]]),
      );
      await write(
        device,
        buffers,
        names.map((dtype, i) => pattern(dtype, [1023], i)),
      );
      {
        using writer = memory.begin(specs);
        for (const [i, view] of [...writer.views.values()].entries())
          await device.download(buffers[i] as DeviceBuffer, view);
        await device.fence();
        writer.commit();
      }
      memory.load();
      const found = [...memory.tensors.values()].map(({ data }) => bytesOf(data));
      const wanted = names.map((dtype, i) => pattern(dtype, [1023], i));
      same(buffers, found, wanted);
    }),
    withDevice("a buffer that cannot be is refused, and what is there stays", async (device) => {
      const all = await allocate(device, [["u8", [5]]]);
      await write(device, all, [pattern("u8", [5], 3)]);
      await assert.rejects(async () => await device.allocate("f32", [-1]));
      await assert.rejects(async () => await device.allocate("nonsense" as DType, [1]));
      const limit = device.limits?.maxBufferBytes ?? Number.MAX_SAFE_INTEGER;
      await assert.rejects(async () => await device.allocate("u8", [limit + 1]));
      same(all, await read(device, all), [pattern("u8", [5], 3)]);
    }),
    withDevice("it is suspended and resumed, three times, and holds the same afterwards", async (device) => {
      for (let round = 0; round < 3; round++) {
        const all = await allocate(device, everything);
        const contents = everything.map(([dtype, shape], i) => pattern(dtype, shape, i + round));
        await write(device, all, contents);
        await device.bind?.(new Map(all.map((buffer, i) => [`t.${i}`, buffer])));
        await device.quiesce?.();
        same(all, await read(device, all), contents);
        for (const buffer of all) await device.release(buffer);
        await device.suspend?.();
        await device.resume?.();
      }
      // Resumed already.
      await device.resume?.();
    }),
  ];
}

async function allocate(device: Device, specs: readonly Described[]): Promise<DeviceBuffer[]> {
  const all: DeviceBuffer[] = [];
  for (const [dtype, shape] of specs) all.push(await device.allocate(dtype, shape));
  return all;
}

/** Bytes that differ by type, place and seed; a bool is 0 or 1. */
function pattern(dtype: DType, shape: readonly number[], seed: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array((elementsOf(shape) as number) * elementBytes(dtype));
  let state = seed * 2654435761 + names.indexOf(dtype) + 1;
  for (let i = 0; i < bytes.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[i] = dtype === "bool" ? state >>> 31 : state >>> 24;
  }
  return bytes;
}

async function write(device: Device, all: DeviceBuffer[], contents: Uint8Array<ArrayBuffer>[]): Promise<void> {
  for (const [i, buffer] of all.entries())
    await device.upload(buffer, arrayOver(buffer.dtype, (contents[i] as Uint8Array<ArrayBuffer>).buffer));
  await device.fence();
}

async function read(device: Device, all: readonly DeviceBuffer[]): Promise<Uint8Array[]> {
  const views: OwnArrayOf<DType>[] = [];
  for (const buffer of all) {
    const bytes = (elementsOf(buffer.shape) as number) * elementBytes(buffer.dtype);
    // Not zeros, so that what is not written shows.
    const view = arrayOver(buffer.dtype, new Uint8Array(bytes).fill(0xa5).buffer);
    await device.download(buffer, view);
    views.push(view);
  }
  await device.fence();
  return views.map(bytesOf);
}

/** Fails with the first byte that differs: an assertion library would print them all. */
function same(all: readonly DeviceBuffer[], found: readonly Uint8Array[], wanted: readonly Uint8Array[]): void {
  for (const [i, { dtype, shape }] of all.entries()) {
    const [is, should] = [found[i] as Uint8Array, wanted[i] as Uint8Array];
    const at = should.findIndex((byte, at) => byte !== is[at]);
    if (is.length !== should.length || at >= 0)
      assert.fail(`${describe(dtype, shape)}: byte ${at} of ${is.length} is ${is[at]} and not ${should[at]}`);
  }
}

function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array {
  return new Uint8Array(buffer, byteOffset, byteLength);
}
