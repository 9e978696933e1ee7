import type { Libc } from "./libc.ts";
import type { Reader } from "./reader.ts";

/** Bun by `Bun.file(fd).stream()`. */
export const drain: Reader = (_libc: Libc, fd: number, onBytes: (bytes: Uint8Array) => void): Disposable => {
  const reader = Bun.file(fd).stream().getReader();
  const pump = async (): Promise<void> => {
    for (let read = await reader.read(); !read.done; read = await reader.read()) onBytes(read.value);
  };
  pump().catch(() => {});
  return { [Symbol.dispose]: () => void reader.cancel().catch(() => {}) };
};
