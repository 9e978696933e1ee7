import { crc32 } from "node:zlib";
import type { Cuda } from "../../ffi/libcuda.ts";
import { openContext } from "../../gpu/cuda/context.ts";
import { type Device, defineState, openState, tensor } from "../../gpu/mod.ts";

/** Bytes a second, each the median of some rounds. */
export interface Speeds {
  /** From the GPU into the segment, checksum and commit included. */
  readonly save: number;
  /** The checksums of what was saved. */
  readonly verify: number;
  /** Verified, and copied to the GPU. */
  readonly restore: number;
  /** What came back is what was saved, bit for bit, in every round. */
  readonly exact: boolean;
}

const ROUNDS = 5;

/** Saves and restores one tensor of `bytes` through a state in shared memory, and compares. */
export async function measureDevice(device: Device, bytes: number): Promise<Speeds> {
  const pattern = fill(bytes);
  const expected = crc32(pattern);
  using state = await openState(defineState({ data: tensor("u8", [bytes]) }));
  let buffer = await device.allocate("u8", [bytes]);
  const times = { save: [] as number[], verify: [] as number[], restore: [] as number[] };
  let exact = true;
  try {
    await device.upload(buffer, pattern);
    await device.fence();
    // One round more, the first, which takes memory and pins it.
    for (let round = 0; round <= ROUNDS; round++) {
      const save = await timed(async () => {
        using writer = state.begin();
        await device.download(buffer, writer.views.data);
        await device.fence();
        writer.commit();
      });
      await device.release(buffer);
      buffer = await device.allocate("u8", [bytes]);
      const started = performance.now();
      using saved = state.read();
      const verify = performance.now() - started;
      const upload = await timed(async () => {
        await device.upload(buffer, saved.views.data);
        await device.fence();
      });
      exact &&= crc32(saved.views.data) === expected;
      if (round === 0) continue;
      times.save.push(save);
      times.verify.push(verify);
      times.restore.push(verify + upload);
    }
  } finally {
    await device.release(buffer);
  }
  const speed = (samples: readonly number[]): number => (bytes / median(samples)) * 1000;
  return { save: speed(times.save), verify: speed(times.verify), restore: speed(times.restore), exact };
}

/** Plain copies between a GPU and memory that the driver itself has pinned: the fastest that there are. Bytes a second. */
export function measurePlain(cuda: Cuda, gpu: number, bytes: number): { fromGpu: number; toGpu: number } {
  using context = openContext(cuda, gpu);
  return context.within(() => {
    const host = cuda.out("take pinned memory", (out) => cuda.cuMemHostAlloc(out, bytes, 0));
    const device = cuda.out("take memory of the GPU", (out) => cuda.cuMemAlloc_v2(out, bytes));
    try {
      const speed = (copy: () => number): number => {
        const times = Array.from({ length: ROUNDS + 1 }, () => {
          const started = performance.now();
          cuda.check(copy(), "copy");
          cuda.check(cuda.cuCtxSynchronize(), "wait for a copy");
          return performance.now() - started;
        });
        return (bytes / median(times.slice(1))) * 1000;
      };
      return {
        toGpu: speed(() => cuda.cuMemcpyHtoDAsync_v2(device, host, bytes, 0)),
        fromGpu: speed(() => cuda.cuMemcpyDtoHAsync_v2(host, device, bytes, 0)),
      };
    } finally {
      cuda.check(cuda.cuMemFree_v2(device), "free memory of the GPU");
      cuda.check(cuda.cuMemFreeHost(host), "free pinned memory");
    }
  });
}

/** Bytes of which no two blocks are the same. */
export function fill(bytes: number): Uint8Array<ArrayBuffer> {
  const words = new Uint32Array(Math.ceil(bytes / 4));
  for (let i = 0; i < words.length; i++) words[i] = Math.imul(i + 1, 0x9e3779b1);
  return new Uint8Array(words.buffer, 0, bytes);
}

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

function median(samples: readonly number[]): number {
  return [...samples].sort((a, b) => a - b)[samples.length >> 1] as number;
}
