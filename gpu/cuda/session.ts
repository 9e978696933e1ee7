import type { Cuda } from "../../ffi/libcuda.ts";
import { openContext } from "./context.ts";
import { Copies } from "./copies.ts";
import { CudaHeldError, deviceFiles } from "./held.ts";
import { Pinned } from "./pinned.ts";

/** All that is held of one GPU between its opening and its closing. */
export interface Session {
  readonly pinnedBytes: number;
  /** The most bytes that its buffers had together. */
  readonly mostBytes: number;
  /** Memory of zeros; address 0 for no bytes. */
  allocate(bytes: number): Promise<bigint>;
  free(address: bigint): void;
  upload(address: bigint, bytes: Uint8Array): void;
  download(address: bigint, bytes: Uint8Array): void;
  finish(): Promise<void>;
  checksumOf(buffer: ArrayBufferLike): number | undefined;
  pin(bytes: Uint8Array): boolean;
  /** Throws CudaHeldError while buffers are left. */
  refuseBuffers(): void;
  /** Gives all of it back. Throws CudaHeldError when something is left in the process that must be gone. */
  close(files: "must be gone" | "left to the driver"): void;
  /** Gives all of it back, buffers included, whatever fails. */
  abandon(): void;
}

/** The device files belong to the process: they can be gone only when the last GPU is closed. */
const sessions = new Set<Session>();

export function openSession(cuda: Cuda, gpu: number): Session {
  const context = openContext(cuda, gpu);
  const copies = orDispose(context, () => new Copies(cuda, context));
  const pinned = new Pinned(cuda);
  const buffers = new Map<bigint, number>();
  const total = (): number => [...buffers.values()].reduce((sum, bytes) => sum + bytes, 0);
  let most = 0;
  const addressOf = (bytes: Uint8Array): bigint => cuda.libc.runtime.addressOf(bytes);
  const pin = (bytes: Uint8Array): boolean =>
    bytes.length > 0 && context.within(() => pinned.pin(addressOf(bytes), bytes.length));
  const free = (address: bigint): void =>
    cuda.check(
      context.within(() => cuda.cuMemFree_v2(address)),
      `free memory of GPU ${gpu}`,
    );
  const give = (): void => {
    sessions.delete(session);
    try {
      context.within(() => pinned.release());
    } finally {
      copies.release();
      context[Symbol.dispose]();
    }
  };
  const session: Session = {
    get pinnedBytes() {
      return pinned.bytes;
    },
    get mostBytes() {
      return most;
    },
    async allocate(bytes) {
      if (bytes === 0) return 0n;
      const address = context.within(() =>
        cuda.out(`take ${bytes} bytes of GPU ${gpu}`, (out) => cuda.cuMemAlloc_v2(out, bytes)),
      );
      buffers.set(address, bytes);
      most = Math.max(most, total());
      try {
        copies.clear(address, bytes);
        await copies.finish();
      } catch (error) {
        session.free(address);
        throw error;
      }
      return address;
    },
    free(address) {
      if (buffers.delete(address)) free(address);
    },
    upload(address, bytes) {
      pin(bytes);
      copies.upload(address, bytes);
    },
    download(address, bytes) {
      pin(bytes);
      copies.download(address, bytes);
    },
    async finish() {
      try {
        await copies.finish();
      } finally {
        pinned.forget();
      }
    },
    checksumOf: (buffer) => copies.checksumOf(buffer),
    pin(bytes) {
      pinned.forget();
      return pin(bytes);
    },
    refuseBuffers() {
      if (buffers.size === 0) return;
      throw new CudaHeldError(
        [`${buffers.size} buffers of GPU ${gpu} with ${total()} bytes`],
        "Release them, or keep them in a state of the GPU resource.",
      );
    },
    close(files) {
      give();
      if (files === "left to the driver") return;
      if (context.isActive()) {
        const cure =
          "Another library uses it: close that one in a hook that runs before this one, or dump with the option for CUDA.";
        throw new CudaHeldError([`the context of GPU ${gpu}`], cure);
      }
      const left = sessions.size === 0 ? deviceFiles() : [];
      const cure = "Dump with the option for CUDA, or do the work of the GPU in a child process that ends before.";
      if (left.length > 0) throw new CudaHeldError(left, cure);
    },
    abandon() {
      for (const address of [...buffers.keys()]) {
        buffers.delete(address);
        context.within(() => cuda.cuMemFree_v2(address));
      }
      give();
    },
  };
  sessions.add(session);
  return session;
}

function orDispose<T>(context: Disposable, make: () => T): T {
  try {
    return make();
  } catch (error) {
    context[Symbol.dispose]();
    throw error;
  }
}
