import type { Libc } from "./libc.ts";

/**
 * Reads `fd` empty whenever it is readable, until its end, and hands over what each read returned. For descriptors that the
 * runtimes' sockets refuse (inotify, eventfd, foreign pipes, message sockets); they must be O_NONBLOCK. It keeps the process
 * alive until it is disposed. `bun_reader.ts` and `deno_reader.ts` implement it; an app that only takes signals carries none.
 */
export type Reader = (libc: Libc, fd: number, onBytes: (bytes: Uint8Array) => void) => Disposable;
