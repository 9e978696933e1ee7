/**
 * The two runtimes behind one interface. `bun.ts` and `deno.ts` implement it, and with what is named after them are the only
 * files that know which runtime this is; they are loaded when the first agent attaches, never at import. In any other runtime
 * `node.ts` is loaded then, and refuses.
 */

/** The C types that mean the same in bun:ffi and Deno.dlopen. Addresses are `usize`. */
export type CType = "i32" | "u32" | "i64" | "u64" | "usize" | "buffer" | "void";

/** Parameters and result of one C function. */
export type Signature = readonly [parameters: readonly CType[], result: CType];

/** C functions by name. */
export type SymbolTable = Readonly<Record<string, Signature>>;

type Argument<T> = T extends "i32" | "u32" ? number : T extends "buffer" ? Uint8Array : bigint | number;
type Arguments<T extends readonly CType[]> = { [I in keyof T]: Argument<T[I]> };
type Result<T> = T extends "void" ? undefined : T extends "i32" | "u32" ? number : bigint;

/** The callable form of a table. */
export type Bound<T extends SymbolTable> = {
  readonly [K in keyof T]: (...args: Arguments<T[K][0]>) => Result<T[K][1]>;
};

/** One JavaScript runtime, as far as this library needs to know it. */
export interface Runtime {
  readonly name: "bun" | "deno";
  readonly version: string;
  /** The oldest version that this library works in; `engines` of package.json says the same. */
  readonly oldest: string;
  /** Signals that a program should leave alone in this runtime: why, and whether it must. */
  readonly pitfalls: Readonly<Record<number, { readonly refuse: boolean; readonly why: string }>>;
  /** Opens a shared library. Throws what the runtime throws when there is none of that name. */
  dlopen<const T extends SymbolTable>(name: string, table: T): Bound<T>;
  /** A view of foreign memory. It must not be touched once the memory is unmapped. */
  view(address: bigint, bytes: number): ArrayBuffer;
  addressOf(bytes: Uint8Array): bigint;
  /** The system call that makes the pair of descriptors by which this runtime wakes fastest. */
  readonly wakePair: "socketpair" | "pipe2";
  /**
   * Reads the first descriptor of such a pair and says how many bytes came. It does not keep the process alive. Disposal
   * closes the descriptor.
   */
  watch(fd: number, onBytes: (bytes: number) => void): Promise<Disposable>;
}

/** Makes the function at an address callable. `bun_code.ts` and `deno_code.ts` implement it; `node_code.ts` refuses. */
export type Link = <const S extends Signature>(address: bigint, signature: S) => Bound<{ readonly code: S }>["code"];
