import { DeviceError } from "../device/device_error.ts";
import { checked } from "./checked.ts";
import type { GpuBuffer, GpuCommandEncoder, GpuDevice } from "./types.ts";

/** Bytes that are copied at once. More gains nothing, and takes as much of the device's memory again. */
const PIECE = 64 << 20;
/** Where a copy may begin, whatever is copied. */
const ALIGNMENT = 256;

/** A copy whose bytes are in the staging buffer, and the way from there. */
interface Landed {
  readonly offset: number;
  readonly bytes: number;
  readonly take: (found: Uint8Array) => void;
}

/**
 * Copies between memory of this process and a device. What comes from the device is gathered in one buffer and mapped
 * together: to map takes milliseconds, however little it is.
 */
export class Staging {
  readonly #device: GpuDevice;
  #memory: GpuBuffer | undefined;
  #used = 0;
  #landed: Landed[] = [];
  #last: Promise<unknown> = Promise.resolve();

  constructor(device: GpuDevice) {
    this.#device = device;
  }

  /** Copies `view` to the start of `buffer`. The bytes are taken when this resolves. */
  async write(buffer: GpuBuffer, view: ArrayBufferView<ArrayBuffer>): Promise<void> {
    const { queue } = this.#device;
    const { buffer: memory, byteOffset, byteLength } = view;
    const words = byteLength - (byteLength % 4);
    for (let start = 0; start < words; start += PIECE) {
      queue.writeBuffer(buffer, start, memory, byteOffset + start, Math.min(PIECE, words - start));
      // The queue keeps a copy of all that is under way.
      if (start + PIECE < words) await queue.onSubmittedWorkDone();
    }
    if (words === byteLength) return;
    const tail = new Uint8Array(4);
    tail.set(new Uint8Array(memory, byteOffset + words, byteLength - words));
    queue.writeBuffer(buffer, words, tail);
  }

  /** Fills `into` from the start of `buffer`, with what is there now, until `flush`. */
  async read(buffer: GpuBuffer, into: Uint8Array): Promise<void> {
    for (let start = 0; start < into.length; start += PIECE) {
      const bytes = Math.min(PIECE, into.length - start);
      const words = Math.ceil(bytes / 4) * 4;
      await this.fetch(
        words,
        (encoder, memory, offset) => encoder.copyBufferToBuffer(buffer, start, memory, offset, words),
        (found) => into.set(found.subarray(0, bytes), start),
      );
    }
  }

  /**
   * Has `copy` bring bytes to an offset of the buffer that it is given, and hands them to `take`, until `flush`. With `what`
   * it rejects when the device does not like the copy: to ask takes time, and a copy between buffers has nothing to dislike.
   */
  fetch(
    bytes: number,
    copy: (encoder: GpuCommandEncoder, memory: GpuBuffer, offset: number) => void,
    take: (found: Uint8Array) => void,
    what?: string,
  ): Promise<void> {
    return this.#inTurn(async () => {
      const memory = await this.#roomFor(bytes);
      const submit = (): void => {
        const encoder = this.#device.createCommandEncoder();
        copy(encoder, memory, this.#used);
        this.#device.queue.submit([encoder.finish()]);
      };
      await (what === undefined ? submit() : checked(this.#device, what, submit));
      this.#landed.push({ offset: this.#used, bytes, take });
      this.#used = Math.ceil((this.#used + bytes) / ALIGNMENT) * ALIGNMENT;
    });
  }

  /** Resolves once everything was handed over. */
  flush(): Promise<void> {
    return this.#inTurn(() => this.#drain());
  }

  async #roomFor(bytes: number): Promise<GpuBuffer> {
    const size = this.#memory?.size ?? 0;
    if (this.#memory && this.#used + bytes <= size) return this.#memory;
    await this.#drain();
    if (this.#memory && bytes <= size && size >= PIECE) return this.#memory;
    this.#memory?.destroy();
    const { COPY_DST, MAP_READ } = GPUBufferUsage;
    const wanted = Math.max(bytes, Math.min(PIECE, Math.max(1 << 20, size * 4)));
    this.#memory = this.#device.createBuffer({ size: wanted, usage: COPY_DST | MAP_READ });
    return this.#memory;
  }

  async #drain(): Promise<void> {
    const memory = this.#memory;
    const landed = this.#landed;
    if (!memory || landed.length === 0) return;
    const end = Math.min(this.#used, memory.size);
    this.#landed = [];
    this.#used = 0;
    try {
      await memory.mapAsync(GPUMapMode.READ, 0, end);
    } catch (cause) {
      throw new DeviceError("lost", `Cannot read from the WebGPU device: ${(cause as Error).message}`, { cause });
    }
    const found = new Uint8Array(memory.getMappedRange(0, end));
    for (const { offset, bytes, take } of landed) take(found.subarray(offset, offset + bytes));
    memory.unmap();
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => {});
    return turn;
  }
}
