import { existsSync, readdirSync, rmSync } from "node:fs";
import process from "node:process";

let count = 0;

/** A name for shared memory that nobody else has; its files are removed by disposal. */
export function temporaryState(): Disposable & {
  readonly name: string;
  path(slot?: number): string;
  files(): string[];
} {
  const name = `criu-aware-test-${process.pid}-${count++}`;
  const files = (): string[] =>
    readdirSync("/dev/shm")
      .filter((file) => file.startsWith(`${name}.`))
      .sort();
  return {
    name,
    path: (slot = 0) => `/dev/shm/${name}.${slot}`,
    files,
    [Symbol.dispose](): void {
      for (const file of files()) if (existsSync(`/dev/shm/${file}`)) rmSync(`/dev/shm/${file}`);
    },
  };
}
