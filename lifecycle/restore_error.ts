import type { Ports } from "./ports.ts";

/** The exit code of a process that gives up: that of `criu-aware restore`, which says what has failed. */
const EXIT_CODE = 4;
/** For somebody to read what was written before; and for a driver, which looks every few milliseconds, to read the page. */
const READ_MS = 1000;

type Process = Pick<NodeJS.Process, "exit" | "stdout" | "stderr"> & { reallyExit?(code: number): void };

/**
 * What ends a process that could not rebuild everything; undefined when it is to go on. In one that may be a copy (`real`) nothing of this
 * thread then runs for a second, so that a driver reads what has failed, and nothing keeps it alive afterwards.
 * @throws {RangeError} for a choice that there is not.
 */
export function givingUp(choice: "report" | "exit" = "report", real?: "real"): Ports["giveUp"] | undefined {
  if (choice === "report") return undefined;
  if (choice !== "exit") throw new RangeError(`onRestoreError must be "report" or "exit", not ${choice}.`);
  // There is none in a browser, where a checkpoint is only played.
  const { process } = globalThis as { process?: Process };
  return async () => {
    const { stdout, stderr } = process ?? {};
    if (real) await Promise.all([flushed(stdout), flushed(stderr)]);
    return () => {
      if (real) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, READ_MS);
      try {
        process?.exit(EXIT_CODE);
      } catch (error) {
        // A listener of the program's has thrown.
        if (!real) throw error;
        process?.reallyExit?.(EXIT_CODE);
      }
    };
  };
}

/** Resolves once all is out that was written before, or nobody reads it. Bun's exit would lose what a pipe has no room for. */
async function flushed(stream: NodeJS.WriteStream | undefined): Promise<void> {
  await new Promise<void>((resolve) => {
    setTimeout(resolve, READ_MS);
    stream?.on("error", () => resolve()).end(() => resolve());
  });
}
