import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { crc32 } from "node:zlib";
import type { Cuda } from "../../ffi/libcuda.ts";
import type { Context } from "./context.ts";

// Long enough for the speed of the bus, short enough that the checksum of one is computed while the next ones arrive.
const CHUNK = 16 * 2 ** 20;
const CU_EVENT_DISABLE_TIMING = 2;
const CUDA_ERROR_NOT_READY = 600;
// Copies end within this; what takes longer is a kernel of the app, and may leave the processor to others.
const SPINS = 1000;

/** Part of a tensor on its way into a view. */
interface Arrival {
  readonly event: bigint;
  readonly bytes: Uint8Array;
}

/** Asynchronous copies of one GPU on a stream of their own, which waits for the default stream, and that for it. */
export class Copies {
  readonly #cuda: Cuda;
  readonly #context: Context;
  readonly #stream: bigint;
  readonly #sums = new WeakMap<ArrayBufferLike, number>();
  readonly #spare: bigint[] = [];
  #arrivals: Arrival[] = [];
  /** Kept until they were copied: the collector sees no address that the GPU reads from. */
  #sources: Uint8Array[] = [];

  constructor(cuda: Cuda, context: Context) {
    this.#cuda = cuda;
    this.#context = context;
    this.#stream = context.within(() => cuda.out("make a stream", (out) => cuda.cuStreamCreate(out, 0)));
  }

  /** Fills with zeros. */
  clear(address: bigint, bytes: number): void {
    const { cuMemsetD8Async } = this.#cuda;
    this.#call("clear memory of the GPU", () => cuMemsetD8Async(address, 0, bytes, this.#stream));
  }

  upload(address: bigint, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const { cuMemcpyHtoDAsync_v2, libc } = this.#cuda;
    const from = libc.runtime.addressOf(bytes);
    this.#sources.push(bytes);
    this.#call(`copy ${bytes.length} bytes to the GPU`, () =>
      cuMemcpyHtoDAsync_v2(address, from, bytes.length, this.#stream),
    );
  }

  download(address: bigint, bytes: Uint8Array): void {
    if (bytes.length === 0) return void this.#sums.set(bytes.buffer, 0);
    const { cuMemcpyDtoHAsync_v2, cuEventRecord, libc } = this.#cuda;
    const to = libc.runtime.addressOf(bytes);
    this.#sums.delete(bytes.buffer);
    for (let start = 0; start < bytes.length; start += CHUNK) {
      const chunk = bytes.subarray(start, start + CHUNK);
      const at = BigInt(start);
      this.#call(`copy ${chunk.length} bytes from the GPU`, () =>
        cuMemcpyDtoHAsync_v2(to + at, address + at, chunk.length, this.#stream),
      );
      const event = this.#event();
      this.#arrivals.push({ event, bytes: chunk });
      this.#call("mark the end of a copy", () => cuEventRecord(event, this.#stream));
    }
  }

  /** crc32 of what last arrived in the memory of this buffer; undefined before it was waited for, or when nothing did. */
  checksumOf(buffer: ArrayBufferLike): number | undefined {
    return this.#sums.get(buffer);
  }

  /**
   * Waits for all copies and then for all work of the GPU, and computes checksums of what has arrived meanwhile. Timers run,
   * so that a kernel that does not end cannot keep a hook from running out of time.
   */
  async finish(): Promise<void> {
    const { cuEventRecord, cuCtxSynchronize } = this.#cuda;
    const arrivals = this.#arrivals.splice(0);
    const sources = this.#sources.splice(0);
    const sums = new Map<ArrayBufferLike, number>();
    const end = this.#event();
    try {
      for (const { event, bytes } of arrivals) {
        await this.#reached(event);
        sums.set(bytes.buffer, crc32(bytes, sums.get(bytes.buffer)));
      }
      // The default stream waits for every other one but those made not to wait for it.
      this.#call("mark the end of the work", () => cuEventRecord(end, 0));
      await this.#reached(end);
      this.#call("wait for the GPU", () => cuCtxSynchronize());
      sources.length = 0;
    } finally {
      this.#spare.push(end, ...arrivals.map(({ event }) => event));
    }
    // Only now: a sum of the first chunks must not be taken for that of the whole.
    for (const [buffer, sum] of sums) this.#sums.set(buffer, sum);
  }

  /** Destroys stream and events, whatever became of the work. */
  release(): void {
    const { cuEventDestroy_v2, cuStreamDestroy_v2 } = this.#cuda;
    const events = [...this.#spare.splice(0), ...this.#arrivals.splice(0).map(({ event }) => event)];
    this.#context.within(() => {
      for (const event of events) cuEventDestroy_v2(event);
      cuStreamDestroy_v2(this.#stream);
    });
  }

  async #reached(event: bigint): Promise<void> {
    const { cuEventQuery, check } = this.#cuda;
    for (let spins = 0; ; spins++) {
      const result = this.#context.within(() => cuEventQuery(event));
      if (result === CUDA_ERROR_NOT_READY) await (spins < SPINS ? setImmediate() : sleep(1));
      else return check(result, "wait for the GPU");
    }
  }

  #event(): bigint {
    const { out, cuEventCreate } = this.#cuda;
    return (
      this.#spare.pop() ??
      this.#context.within(() => out("make an event", (at) => cuEventCreate(at, CU_EVENT_DISABLE_TIMING)))
    );
  }

  #call(what: string, call: () => number): void {
    this.#cuda.check(this.#context.within(call), what);
  }
}
