import { Socket } from "node:net";
import type { Libc } from "./libc.ts";
import type { Bound, Runtime, Signature, SymbolTable } from "./runtime.ts";

const O_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const POLLIN = 1;
const SIGUSR1 = 10;

/** Deno by Deno.dlopen: needs --allow-ffi. */
export const runtime: Runtime = {
  name: "deno",
  version: Deno.version.deno,
  pitfalls: { [SIGUSR1]: { refuse: false, why: "SIGUSR1 also opens Deno's inspector on 127.0.0.1:9229" } },
  dlopen<const T extends SymbolTable>(name: string, table: T): Bound<T> {
    const symbols: Record<string, Deno.ForeignFunction> = {};
    for (const [symbol, [parameters, result]] of Object.entries<Signature>(table)) {
      symbols[symbol] = { parameters: parameters as Deno.NativeType[], result };
    }
    return Deno.dlopen(name, symbols).symbols as unknown as Bound<T>;
  },
  view: (address, bytes) => Deno.UnsafePointerView.getArrayBuffer(Deno.UnsafePointer.create(address)!, bytes),
  addressOf: (bytes) => Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes as Uint8Array<ArrayBuffer>)),
  // A pipe wakes Deno in half of the time that a socketpair takes.
  wakePair: "pipe2",
  watch(fd, onBytes): Promise<Disposable> {
    const socket = new Socket({ fd, readable: true, writable: false });
    socket.on("data", (bytes) => onBytes(bytes.length)).unref();
    return Promise.resolve({ [Symbol.dispose]: () => void socket.destroy() });
  },
  drain(libc: Libc, fd: number, onBytes: (bytes: Uint8Array) => void): Disposable {
    const { poll } = Deno.dlopen(libc.soname, {
      poll: { parameters: ["buffer", "u64", "i32"], result: "i32", nonblocking: true },
    }).symbols;
    const stop = new Int32Array(2);
    libc.check(libc.pipe2(new Uint8Array(stop.buffer), O_NONBLOCK_CLOEXEC), "open a pipe");
    const [ended, end] = stop as unknown as [number, number];
    const fds = new Uint8Array(new Int32Array([fd, POLLIN, ended, POLLIN]).buffer);
    const buffer = new Uint8Array(4096);
    let stopped = false;
    const pump = async (): Promise<void> => {
      while (!stopped) {
        await poll(fds, 2n, -1);
        while (!stopped) {
          const count = Number(libc.read(fd, buffer, buffer.length));
          if (count <= 0) break;
          onBytes(buffer.slice(0, count));
        }
      }
      libc.close(ended);
    };
    void pump();
    return {
      [Symbol.dispose](): void {
        stopped = true;
        // The end of the pipe wakes the poll.
        libc.close(end);
      },
    };
  },
};
