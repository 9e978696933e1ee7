import type { Bound, Runtime, Signature, SymbolTable } from "./runtime.ts";

const SIGUSR1 = 10;

/** Deno by Deno.dlopen: needs --allow-ffi. */
export const runtime: Runtime = {
  name: "deno",
  version: Deno.version.deno,
  // net.Socket takes no descriptor before.
  oldest: "2.7.12",
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
  async watch(fd, onBytes): Promise<Disposable> {
    // Few need it, and it takes its time to load.
    const { Socket } = await import("node:net");
    const socket = new Socket({ fd, readable: true, writable: false });
    socket.on("data", (bytes) => onBytes(bytes.length)).unref();
    return { [Symbol.dispose]: () => void socket.destroy() };
  },
};
