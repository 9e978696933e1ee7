import { Socket } from "node:net";
import type { Bound, CType, Runtime, Signature, Wake, WakeCalls } from "./runtime.ts";

const types: Record<CType, Deno.NativeResultType> = {
  i32: "i32",
  u32: "u32",
  i64: "i64",
  u64: "u64",
  usize: "usize",
  buffer: "buffer",
  void: "void",
};

const O_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const POLLIN = 1;

/** Deno by Deno.dlopen: needs --allow-ffi. */
export const runtime: Runtime = {
  name: "deno",
  version: Deno.version.deno,
  dlopen<const T extends Readonly<Record<string, Signature>>>(names: readonly string[], table: T): Bound<T> {
    const symbols: Record<string, Deno.ForeignFunction> = {};
    for (const [name, [parameters, result]] of Object.entries<Signature>(table)) {
      symbols[name] = { parameters: parameters.map((type) => types[type] as Deno.NativeType), result: types[result] };
    }
    return open(names, symbols) as Bound<T>;
  },
  view: (address, bytes) => Deno.UnsafePointerView.getArrayBuffer(Deno.UnsafePointer.create(address)!, bytes),
  addressOf: (bytes) => Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes as Uint8Array<ArrayBuffer>)),
  openWake(calls: WakeCalls, onWake: () => void): Promise<Wake> {
    const pair = new Int32Array(2);
    if (calls.pipe2(new Uint8Array(pair.buffer), O_NONBLOCK_CLOEXEC) !== 0) {
      throw new Error("Cannot open a doorbell: pipe2(2) failed, most likely for want of file descriptors.");
    }
    const [readFd, writeFd] = pair as unknown as [number, number];
    // A pipe wakes Deno in half of the time that a socketpair takes.
    const socket = new Socket({ fd: readFd, readable: true, writable: false });
    socket.on("data", onWake).unref();
    return Promise.resolve({
      readFd,
      writeFd,
      [Symbol.dispose](): void {
        socket.destroy();
        calls.close(writeFd);
      },
    });
  },
  drain(calls: WakeCalls, fd: number, onBytes: (bytes: Uint8Array) => void): Disposable {
    const { poll } = open(["libc.so.6", `libc.musl-${Deno.build.arch}.so.1`], {
      poll: { parameters: ["buffer", "u64", "i32"], result: "i32", nonblocking: true },
    }) as { poll(fds: Uint8Array, count: number, timeoutMs: number): Promise<number> };
    const stop = calls.eventfd(0, O_NONBLOCK_CLOEXEC);
    const fds = new Int32Array([fd, POLLIN, stop, POLLIN]);
    const bytes = new Uint8Array(fds.buffer);
    const buffer = new Uint8Array(4096);
    let stopped = false;
    const pump = async (): Promise<void> => {
      while (!stopped) {
        await poll(bytes, 2, -1);
        while (!stopped) {
          const count = Number(calls.read(fd, buffer, buffer.length));
          if (count <= 0) break;
          onBytes(buffer.slice(0, count));
        }
      }
      calls.close(stop);
    };
    void pump();
    return {
      [Symbol.dispose](): void {
        stopped = true;
        calls.eventfd_write(stop, 1);
      },
    };
  },
};

function open(names: readonly string[], symbols: Record<string, Deno.ForeignFunction>): unknown {
  let failure: unknown;
  for (const name of names) {
    try {
      return Deno.dlopen(name, symbols).symbols;
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}
