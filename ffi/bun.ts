import { dlopen, type FFIFunction, type Pointer, ptr, toArrayBuffer } from "bun:ffi";
import type { Bound, CType, Runtime, Signature, SymbolTable } from "./runtime.ts";

const SIGPWR = 30;

/** Bun by bun:ffi. */
export const runtime: Runtime = {
  name: "bun",
  version: Bun.version,
  // Without AsyncDisposableStack before.
  oldest: "1.3.0",
  pitfalls: { [SIGPWR]: { refuse: true, why: "Bun's engine stops threads with SIGPWR" } },
  dlopen<const T extends SymbolTable>(name: string, table: T): Bound<T> {
    const symbols: Record<string, FFIFunction> = {};
    for (const [symbol, [parameters, result]] of Object.entries<Signature>(table)) {
      symbols[symbol] = { args: parameters.map(typeOf), returns: typeOf(result) };
    }
    return dlopen(name, symbols).symbols as unknown as Bound<T>;
  },
  view: (address, bytes) => toArrayBuffer(Number(address) as Pointer, 0, bytes),
  addressOf: (bytes) => BigInt(ptr(bytes)),
  wakePair: "socketpair",
  async watch(fd, onBytes): Promise<Disposable> {
    const data = (_socket: unknown, bytes: Uint8Array): void => onBytes(bytes.length);
    const socket = await Bun.connect({ fd, socket: { data } } as unknown as Bun.UnixSocketOptions);
    socket.unref();
    return { [Symbol.dispose]: () => void socket.end() };
  },
};

/** Bun passes addresses as bigint only by its integer types. */
export function typeOf(type: CType): Exclude<CType, "usize"> {
  return type === "usize" ? "u64" : type;
}
