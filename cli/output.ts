import { closeSync } from "node:fs";
import { openLibc } from "../ffi/libc.ts";
import { lastWords } from "./last_words.ts";
import { openLog } from "./launch.ts";
import { OutputRelay, streamsOf, type Targets } from "./relay.ts";
import { say } from "./report.ts";

/** Where the output of a program goes. */
export interface ProgramOutput {
  /** The file that it goes to; undefined when it goes where the output of this command goes. */
  readonly log?: string;
  /** Opens what a program that starts writes to: its stdout and its stderr. Whoever calls this closes both. */
  open(): readonly [stdout: number, stderr: number];
  /** Makes what the program that is restored has to find. */
  prepare(): void;
  /** Takes over the output of a restored tree, before it runs. */
  adopt(root: number): void;
  /** Resolves once all output is where it belongs. */
  finish(): Promise<void>;
  /** What the program said last, as the end of an error; "" where everybody has seen it. */
  lastWords(): string;
}

/** Output that is added to a file. `relay` is for a program that was started without one, and is restored. */
export function toLog(log: string, relay?: OutputRelay): ProgramOutput {
  return {
    log,
    open() {
      const fd = openLog(log);
      return [fd, fd];
    },
    // It may have been removed since the dump (rotated logs), and its size does not matter.
    prepare: () => closeSync(openLog(log)),
    adopt(root) {
      if (relay) relay.adopt(root);
      else if (streamsOf(root).length > 0) say(unseen);
    },
    finish: async () => relay?.finish(),
    lastWords: () => ` ${lastWords(log)}`,
  };
}

/** Output that goes where the output of this command goes. */
export function toOwnStreams(relay: OutputRelay): ProgramOutput {
  return {
    open: () => relay.open(),
    prepare() {},
    adopt: (root) => relay.adopt(root),
    finish: () => relay.finish(),
    lastWords: () => "",
  };
}

/** A relay for a program in the foreground. */
export async function openRelay(targets: Targets): Promise<OutputRelay> {
  return new OutputRelay(await openLibc(), targets);
}

const unseen =
  "criu-aware run: nobody reads the output of this program: it was started with --foreground. Restore it with that.";
