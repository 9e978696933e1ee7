import { type Libc, openLibc } from "../../ffi/libc.ts";
import { readOrEmpty } from "../../ffi/read_or_empty.ts";
import { ownModule } from "../../package/program.ts";
import type { DeviceLimits } from "../device/device.ts";
import { DeviceError } from "../device/device_error.ts";
import type { DType, OwnArrayOf } from "../state/dtype.ts";
import { tensor } from "../state/schema.ts";
import type { WebGpuBuffer, WebGpuDevice, WebGpuOptions } from "./device.ts";
import { Gate } from "./gate.ts";
import { DEFAULT_BUFFER_BYTES } from "./limits.ts";
import type { Answer, Failure, Request } from "./messages.ts";
import type { Caller, Program } from "./program.ts";

/** How long the system may take to end a thread and unload what was in it, in milliseconds. */
const THREAD_END_MS = 5000;

interface RemoteBuffer<D extends DType = DType> extends WebGpuBuffer<D> {
  readonly number: number;
}

/** Opens WebGPU in a worker. */
export async function openRemote<P extends Program>(options: WebGpuOptions): Promise<WebGpuDevice<P>> {
  const device = new RemoteDevice<P>(await openLibc(), options);
  await device.resume();
  return device;
}

/** A WebGPU device of a worker thread, which lives from `resume` to `suspend`. */
class RemoteDevice<P extends Program> implements WebGpuDevice<P> {
  readonly kind = "webgpu";
  readonly keepsDriver = undefined;
  readonly limits: DeviceLimits;
  readonly #libc: Libc;
  readonly #options: WebGpuOptions;
  readonly #gate = new Gate();
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  #lastId = 0;
  #worker: Worker | undefined;
  /** The kernel's id of the worker's thread. */
  #thread: number | undefined;
  #adapter: string | undefined;

  constructor(libc: Libc, options: WebGpuOptions) {
    this.#libc = libc;
    this.#options = options;
    this.limits = { maxBufferBytes: options.limits?.maxBufferSize ?? DEFAULT_BUFFER_BYTES, alignment: 4 };
  }

  get adapter(): string {
    if (this.#adapter !== undefined) return this.#adapter;
    throw suspended();
  }

  get gpu(): GPUDevice {
    throw new DeviceError(
      "failed",
      "Cannot reach the GPUDevice from here: it is in a worker. Use it in a function of the program, and `call` that.",
    );
  }

  readonly call = (async (name: string, ...args: unknown[]) =>
    await this.#gate.through(() => this.#ask({ op: "call", name, args }))) as Caller<P>;

  async allocate<D extends DType>(dtype: D, shape: readonly number[]): Promise<RemoteBuffer<D>> {
    const spec = tensor(dtype, shape);
    const number = ++this.#lastId;
    await this.#ask({ op: "allocate", buffer: number, dtype, shape: spec.shape });
    return { dtype, shape: spec.shape, number };
  }

  async upload<D extends DType>(buffer: WebGpuBuffer<D>, view: OwnArrayOf<D>): Promise<void> {
    await this.#copy("upload", buffer, view);
  }

  async download<D extends DType>(buffer: WebGpuBuffer<D>, view: OwnArrayOf<D>): Promise<void> {
    await this.#copy("download", buffer, view);
  }

  async fence(): Promise<void> {
    await this.#ask({ op: "fence" });
  }

  async release<D extends DType>(buffer: WebGpuBuffer<D>): Promise<void> {
    await this.#ask({ op: "release", buffer: numberOf(buffer) });
  }

  async quiesce(): Promise<void> {
    await this.#gate.close();
  }

  async bind(buffers: ReadonlyMap<string, WebGpuBuffer>): Promise<void> {
    await this.#ask({ op: "bind", buffers: new Map([...buffers].map(([name, buffer]) => [name, numberOf(buffer)])) });
    this.#gate.open();
  }

  async suspend(): Promise<void> {
    if (this.#adapter === undefined) return;
    await this.#ask({ op: "close" });
    this.#terminate();
    // The driver goes with the thread, and the thread some time after it was told to.
    for (const end = Date.now() + THREAD_END_MS; this.#isThere(); ) {
      if (Date.now() > end) {
        throw new DeviceError("failed", `Cannot unload the WebGPU driver: its thread ${this.#thread} does not end.`);
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  async resume(): Promise<void> {
    if (this.#adapter !== undefined) return;
    this.#start();
    const { program, thread: _thread, onLost: _onLost, ...needs } = this.#options;
    try {
      this.#thread = (await this.#ask({ op: "thread" })) as number;
      this.#adapter = (await this.#ask({ op: "open", needs, program: String(program) })) as string;
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Waits without turning the event loop: Deno dies when it exits while a thread of it still unloads a driver. */
  [Symbol.dispose](): void {
    this.#terminate();
    const nobody = new Int32Array(new SharedArrayBuffer(4));
    for (const end = Date.now() + THREAD_END_MS; this.#isThere() && Date.now() < end; ) Atomics.wait(nobody, 0, 0, 1);
  }

  #isThere(): boolean {
    return this.#thread !== undefined && readOrEmpty(`/proc/self/task/${this.#thread}/stat`) !== "";
  }

  #start(): void {
    const worker = new Worker(ownModule("./worker", import.meta.url).href, { type: "module" });
    worker.onmessage = ({ data }: { readonly data: Answer }) => this.#answered(data);
    worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(new DeviceError("failed", `The worker of the WebGPU device failed: ${event.message}`));
    };
    this.#worker = worker;
  }

  #terminate(): void {
    this.#worker?.terminate();
    this.#worker = undefined;
    this.#adapter = undefined;
    this.#fail(suspended());
  }

  #ask(request: Request): Promise<unknown> {
    if (!this.#worker) return Promise.reject(suspended());
    const id = ++this.#lastId;
    const answer = Promise.withResolvers<unknown>();
    this.#waiting.set(id, answer);
    this.#worker.postMessage({ ...request, id });
    return answer.promise;
  }

  #answered(answer: Answer): void {
    const { id } = answer;
    const waiting = id === undefined ? undefined : this.#waiting.get(id);
    if (id !== undefined) this.#waiting.delete(id);
    if (!("error" in answer)) waiting?.resolve(answer.value);
    else if (waiting) waiting.reject(revive(answer.error));
    else this.#options.onLost?.(revive(answer.error) as DeviceError);
  }

  #fail(error: DeviceError): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }

  async #copy(op: "upload" | "download", buffer: WebGpuBuffer, view: OwnArrayOf<DType>): Promise<void> {
    // No address can be had of nothing.
    if (view.byteLength === 0) return;
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    const span = { address: this.#libc.runtime.addressOf(bytes), bytes: bytes.length };
    await this.#ask({ op, buffer: numberOf(buffer), span });
  }
}

function numberOf(buffer: WebGpuBuffer): number {
  return (buffer as RemoteBuffer).number;
}

function suspended(): DeviceError {
  return new DeviceError(
    "suspended",
    "Cannot use the WebGPU device: it was given back for a checkpoint. Wait for the recovery.",
  );
}

function revive({ name, message, stack, code }: Failure): Error {
  const error = code ? new DeviceError(code, message) : new (name === "RangeError" ? RangeError : Error)(message);
  if (error.name !== name) Object.defineProperty(error, "name", { value: name, configurable: true });
  if (stack) error.stack = stack;
  return error;
}
