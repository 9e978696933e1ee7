import type { DeviceLimits } from "../device/device.ts";
import { DeviceError } from "../device/device_error.ts";
import { type DType, describe, elementBytes, elementsOf, type OwnArrayOf } from "../state/dtype.ts";
import { tensor } from "../state/schema.ts";
import type { Backend, OpenedGpu } from "./backend.ts";
import { checked } from "./checked.ts";
import type { WebGpuBuffer, WebGpuDevice, WebGpuOptions } from "./device.ts";
import { Gate } from "./gate.ts";
import { DEFAULT_BUFFER_BYTES } from "./limits.ts";
import type { Needs } from "./needs.ts";
import { makeObjects, type Objects } from "./objects.ts";
import { type Caller, callOf, type Gpu, type Program } from "./program.ts";
import { Staging } from "./staging.ts";
import { bytesOf, type Level, levelsOf, readLevel, writeLevel } from "./textures.ts";

/** A buffer of this thread's device. */
export interface LocalBuffer<D extends DType = DType> extends WebGpuBuffer<D> {
  /** Where its bytes are: in memory of its own, or in a level of a texture once it is bound as that. */
  place: GPUBuffer | Level;
}

/** Opens WebGPU on this thread. */
export async function openLocal<P extends Program>(options: WebGpuOptions): Promise<LocalDevice<P>> {
  const program: Program = options.program ? await import(String(options.program)) : {};
  const backend = process.versions.bun ? (await import("./bun.ts")).bun : (await import("./deno.ts")).deno;
  return new LocalDevice(backend, await backend.open(options), options, program);
}

/** A WebGPU device of this thread. */
export class LocalDevice<P extends Program = Program> implements WebGpuDevice<P> {
  readonly kind = "webgpu";
  readonly limits: DeviceLimits;
  readonly keepsDriver: string | undefined;
  readonly #backend: Backend;
  readonly #needs: Needs;
  readonly #onLost: WebGpuOptions["onLost"];
  readonly #program: Program;
  readonly #gate = new Gate();
  readonly #named = new Map<string, LocalBuffer>();
  #opened: OpenedGpu | undefined;
  #isLost = false;
  #staging: Staging | undefined;
  #objects: Objects | undefined;

  constructor(backend: Backend, opened: OpenedGpu, options: WebGpuOptions, program: Program) {
    this.#backend = backend;
    this.keepsDriver = backend.keepsDriver;
    this.#needs = options;
    this.#onLost = options.onLost;
    this.#program = program;
    this.limits = { maxBufferBytes: options.limits?.maxBufferSize ?? DEFAULT_BUFFER_BYTES, alignment: 4 };
    this.#take(opened);
  }

  readonly call = (async (name: string, ...args: unknown[]) =>
    await this.#gate.through(() => callOf(this.#program, name)(this.#gpuOf(), ...args))) as Caller<P>;

  get adapter(): string {
    return this.#get().adapter;
  }

  get gpu(): GPUDevice {
    return this.#get().device;
  }

  async allocate<D extends DType>(dtype: D, shape: readonly number[]): Promise<LocalBuffer<D>> {
    const spec = tensor(dtype, shape);
    const bytes = (elementsOf(shape) as number) * elementBytes(dtype);
    // WebGPU copies words, and binds no buffer of length 0.
    const size = Math.max(4, Math.ceil(bytes / 4) * 4);
    const { STORAGE, COPY_SRC, COPY_DST } = GPUBufferUsage;
    if (size > this.limits.maxBufferBytes) {
      throw new DeviceError(
        "failed",
        `Cannot allocate ${describe(dtype, shape)}: it has ${bytes} bytes, and this device was opened with buffers of ${this.limits.maxBufferBytes} at most. Open it with limits: { maxBufferSize: ${size}, maxStorageBufferBindingSize: ${size} }.`,
      );
    }
    const memory = await checked(this.gpu, `buffer ${describe(dtype, shape)}`, () =>
      this.gpu.createBuffer({ size, usage: STORAGE | COPY_SRC | COPY_DST }),
    );
    return { dtype, shape: spec.shape, place: memory };
  }

  async upload<D extends DType>(buffer: WebGpuBuffer<D>, view: OwnArrayOf<D>): Promise<void> {
    await this.#write(placeOf(buffer), view);
  }

  async download<D extends DType>(buffer: WebGpuBuffer<D>, view: OwnArrayOf<D>): Promise<void> {
    await this.#read(placeOf(buffer), new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  }

  async fence(): Promise<void> {
    await this.#copies().flush();
    await this.gpu.queue.onSubmittedWorkDone();
  }

  release<D extends DType>(buffer: WebGpuBuffer<D>): void {
    const place = placeOf(buffer);
    // A texture goes with the device.
    if (!("texture" in place)) place.destroy();
    for (const [name, known] of this.#named) if (known.place === place) this.#named.delete(name);
  }

  async quiesce(): Promise<void> {
    await this.#gate.close();
  }

  async suspend(): Promise<void> {
    const opened = this.#opened;
    if (!opened) return;
    // To destroy a device that is at work blocks this thread until it is done; one that is lost has no work.
    if (!this.#isLost) await opened.device.queue.onSubmittedWorkDone();
    this.#forget();
    await opened.close();
  }

  async resume(): Promise<void> {
    if (!this.#opened) this.#take(await this.#backend.open(this.#needs));
  }

  async bind(buffers: ReadonlyMap<string, WebGpuBuffer>): Promise<void> {
    const isNew = !this.#objects || [...buffers].some(([name, buffer]) => this.#named.get(name) !== buffer);
    if (isNew) await this.#make(buffers);
    this.#gate.open();
  }

  [Symbol.dispose](): void {
    const opened = this.#opened;
    this.#forget();
    void opened?.close();
  }

  #take(opened: OpenedGpu): void {
    this.#opened = opened;
    this.#isLost = false;
    this.#staging = new Staging(opened.device);
    void opened.device.lost.then(({ message }) => {
      if (this.#opened !== opened) return;
      this.#isLost = true;
      this.#onLost?.(new DeviceError("lost", `The WebGPU device was lost: ${message}`));
    });
  }

  #forget(): void {
    this.#opened = undefined;
    this.#staging = undefined;
    this.#objects = undefined;
    this.#named.clear();
  }

  #get(): OpenedGpu {
    if (this.#opened) return this.#opened;
    throw new DeviceError(
      "suspended",
      "Cannot use the WebGPU device: it was given back for a checkpoint. Wait for the recovery.",
    );
  }

  async #make(buffers: ReadonlyMap<string, WebGpuBuffer>): Promise<void> {
    for (const [name, buffer] of buffers) this.#named.set(name, buffer as LocalBuffer);
    const { recipes = {} } = this.#program;
    const objects = await makeObjects(this.gpu, recipes, (name) => this.#buffer(name));
    for (const [name, recipe] of Object.entries(recipes.textures ?? {})) {
      // The levels of one texture are tensors all or none.
      if (this.#named.has(`${name}.0`)) await this.#move(name, levelsOf(recipe, objects.texture(name)));
    }
    this.#objects = objects;
  }

  /** Brings the bytes of tensors into the levels of a texture, from where they are. */
  async #move(name: string, levels: readonly Level[]): Promise<void> {
    const moves: [LocalBuffer, Level, Uint8Array<ArrayBuffer>][] = [];
    for (const level of levels) {
      const buffer = this.#tensorOf(`${name}.${level.mipLevel}`, level);
      const bytes = new Uint8Array(bytesOf(level));
      await this.#read(buffer.place, bytes);
      moves.push([buffer, level, bytes]);
    }
    // Once for all levels: it takes milliseconds.
    await this.#copies().flush();
    for (const [buffer, level, bytes] of moves) {
      await this.#write(level, bytes);
      if (!("texture" in buffer.place)) buffer.place.destroy();
      buffer.place = level;
    }
  }

  /** The tensor of a level. */
  #tensorOf(name: string, level: Level): LocalBuffer {
    const buffer = this.#named.get(name);
    if (!buffer) throw new RangeError(`Cannot make the texture of ${name}: no tensor of this name was bound.`);
    const { dtype, shape } = buffer;
    if (dtype === "u8" && elementsOf(shape) === bytesOf(level)) return buffer;
    throw new RangeError(
      `Cannot make the texture of ${name}: it is ${describe(dtype, shape)} and not what textureState(…) gives.`,
    );
  }

  async #read(place: GPUBuffer | Level, into: Uint8Array): Promise<void> {
    const staging = this.#copies();
    await ("texture" in place ? readLevel(staging, place, into) : staging.read(place, into));
  }

  async #write(place: GPUBuffer | Level, bytes: ArrayBufferView<ArrayBuffer>): Promise<void> {
    if ("texture" in place) await writeLevel(this.gpu, place, bytes);
    else await this.#copies().write(place, bytes);
  }

  #copies(): Staging {
    this.#get();
    return this.#staging as Staging;
  }

  #buffer(name: string): GPUBuffer {
    const place = this.#named.get(name)?.place;
    if (place && !("texture" in place)) return place;
    throw new RangeError(`Cannot find the buffer ${name}: no tensor of this name was bound.`);
  }

  #gpuOf(): Gpu {
    const buffer = (name: string): GPUBuffer => this.#buffer(name);
    if (this.#objects) return { ...this.#objects, device: this.gpu, buffer };
    throw new DeviceError("failed", "Cannot call the program: its buffers are not bound. Await bindBuffers(…) first.");
  }
}

function placeOf(buffer: WebGpuBuffer): GPUBuffer | Level {
  return (buffer as LocalBuffer).place;
}
