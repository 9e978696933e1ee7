/**
 * The two runtimes behind one interface. `bun.ts` and `deno.ts` implement it and are the only files that know which
 * runtime this is; they are loaded when the first agent attaches, never at import.
 */

/** The C types that mean the same in bun:ffi and Deno.dlopen. Addresses are `usize`. */
export type CType = "i32" | "u32" | "i64" | "u64" | "usize" | "buffer" | "void";

/** Parameters and result of one C function. */
export type Signature = readonly [parameters: readonly CType[], result: CType];

type Argument<T> = T extends "i32" | "u32" ? number : T extends "buffer" ? Uint8Array : bigint | number;
type Arguments<T extends readonly CType[]> = { [I in keyof T]: Argument<T[I]> };
type Result<T> = T extends "void" ? undefined : T extends "i32" | "u32" ? number : bigint;

/** The callable form of a table of signatures. */
export type Bound<T extends Readonly<Record<string, Signature>>> = {
  readonly [K in keyof T]: (...args: Arguments<T[K][0]>) => Result<T[K][1]>;
};

/** A descriptor pair: bytes written to `writeFd` wake the event loop of this thread. */
export interface Wake extends Disposable {
  readonly readFd: number;
  readonly writeFd: number;
}

/** What the wake needs from libc. */
export interface WakeCalls {
  socketpair(domain: number, type: number, protocol: number, fds: Uint8Array): number;
  pipe2(fds: Uint8Array, flags: number): number;
  eventfd(initial: number, flags: number): number;
  eventfd_write(fd: number, value: bigint | number): number;
  read(fd: number, buffer: Uint8Array, bytes: bigint | number): bigint;
  close(fd: number): number;
}

/** One JavaScript runtime, as far as this library needs to know it. */
export interface Runtime {
  readonly name: "bun" | "deno";
  readonly version: string;
  /** Opens the first library of `names` that exists. Throws the last error of the loader. */
  dlopen<const T extends Readonly<Record<string, Signature>>>(names: readonly string[], table: T): Bound<T>;
  /** A view of foreign memory. It must not be touched once the memory is unmapped. */
  view(address: bigint, bytes: number): ArrayBuffer;
  addressOf(bytes: Uint8Array): bigint;
  /** Opens a wake that does not keep the process alive. `onWake` runs once or more after one or more writes. */
  openWake(calls: WakeCalls, onWake: () => void): Promise<Wake>;
  /**
   * Reads `fd` empty whenever it is readable and hands over what it read. For descriptors that the runtimes' sockets refuse
   * (inotify, eventfd, foreign pipes); they must be O_NONBLOCK. It keeps the process alive until it is disposed.
   */
  drain(calls: WakeCalls, fd: number, onBytes: (bytes: Uint8Array) => void): Disposable;
}
