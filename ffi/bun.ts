import { dlopen, type FFIFunction, type FFITypeOrString, type Pointer, ptr, toArrayBuffer } from "bun:ffi";
import type { Bound, CType, Runtime, Signature, Wake, WakeCalls } from "./runtime.ts";

// Bun passes addresses as bigint only by its integer types.
const types: Record<CType, FFITypeOrString> = {
  i32: "i32",
  u32: "u32",
  i64: "i64",
  u64: "u64",
  usize: "u64",
  buffer: "buffer",
  void: "void",
};

const AF_UNIX = 1;
const SOCK_STREAM_NONBLOCK_CLOEXEC = 1 | 0o4000 | 0o2000000;

/** Bun by bun:ffi. */
export const runtime: Runtime = {
  name: "bun",
  version: Bun.version,
  dlopen<const T extends Readonly<Record<string, Signature>>>(names: readonly string[], table: T): Bound<T> {
    const symbols: Record<string, FFIFunction> = {};
    for (const [name, [args, returns]] of Object.entries<Signature>(table)) {
      symbols[name] = { args: args.map((type) => types[type]), returns: types[returns] };
    }
    let failure: unknown;
    for (const name of names) {
      try {
        return dlopen(name, symbols).symbols as unknown as Bound<T>;
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  },
  view: (address, bytes) => toArrayBuffer(Number(address) as Pointer, 0, bytes),
  addressOf: (bytes) => BigInt(ptr(bytes)),
  async openWake(calls: WakeCalls, onWake: () => void): Promise<Wake> {
    const pair = new Int32Array(2);
    if (calls.socketpair(AF_UNIX, SOCK_STREAM_NONBLOCK_CLOEXEC, 0, new Uint8Array(pair.buffer)) !== 0) {
      throw new Error("Cannot open a doorbell: socketpair(2) failed, most likely for want of file descriptors.");
    }
    const [readFd, writeFd] = pair as unknown as [number, number];
    const socket = await Bun.connect({ fd: readFd, socket: { data: onWake } } as unknown as Bun.UnixSocketOptions);
    socket.unref();
    return {
      readFd,
      writeFd,
      [Symbol.dispose](): void {
        socket.end();
        calls.close(writeFd);
      },
    };
  },
  drain(_calls: WakeCalls, fd: number, onBytes: (bytes: Uint8Array) => void): Disposable {
    const reader = Bun.file(fd).stream().getReader();
    const pump = async (): Promise<void> => {
      for (let read = await reader.read(); !read.done; read = await reader.read()) onBytes(read.value);
    };
    pump().catch(() => {});
    return { [Symbol.dispose]: () => void reader.cancel().catch(() => {}) };
  },
};
