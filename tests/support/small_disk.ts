import { execFileSync } from "node:child_process";
import { rmSync, writeFileSync } from "node:fs";
import { temporaryDirectory } from "./temporary_directory.ts";

const PAGE = 4096;

/** A file system of its own, that is mounted until disposal. */
export interface SmallDisk extends Disposable {
  readonly path: string;
  /** Takes all room. */
  fill(): void;
  drain(): void;
  /** Nobody may write there any more, or everybody may again. */
  setReadOnly(isReadOnly: boolean): void;
}

/** One of `pages` pages, mounted at `at` or in a new directory; undefined where that may not be done. */
export function smallDisk(pages: number, at?: string): SmallDisk | undefined {
  const directory = at === undefined ? temporaryDirectory() : undefined;
  const path = at ?? (directory?.path as string);
  const mount = (options: string): void =>
    void execFileSync("mount", ["-t", "tmpfs", "-o", options, "criu-aware-test", path], { stdio: "ignore" });
  try {
    mount(`size=${pages * PAGE},mode=755`);
  } catch {
    directory?.[Symbol.dispose]();
    return undefined;
  }
  const filler = `${path}/filler`;
  return {
    path,
    fill: () => {
      try {
        writeFileSync(filler, new Uint8Array(pages * PAGE));
      } catch {}
    },
    drain: () => rmSync(filler),
    setReadOnly: (isReadOnly) => mount(`remount,${isReadOnly ? "ro" : "rw"}`),
    [Symbol.dispose]() {
      execFileSync("umount", ["-l", path]);
      directory?.[Symbol.dispose]();
    },
  };
}

const trial = smallDisk(2);
trial?.[Symbol.dispose]();
/** Why a test that needs one cannot run; false when it can. */
export const noDisk: string | false = trial ? false : "it takes the right to mount a file system";
