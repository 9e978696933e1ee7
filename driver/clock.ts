import { readdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import type { CriuOptions } from "../criu/options.ts";
import { UsageError } from "../criu/usage_error.ts";
import { LONGEST_MESSAGE, printable } from "../ffi/printable.ts";
import { timeOffsets } from "../ffi/process.ts";
import { type Clocks, clocksReadAt, readClocks, writeClocks } from "../images/clocks.ts";
import { ImageError } from "../images/errors.ts";
import type { Manifest } from "../images/manifest_shape.ts";
import { momentOf } from "../images/moment.ts";
import type { Problem } from "../images/problem.ts";
import type { RestoreOptions } from "./engine.ts";
import { privateDirectory } from "./private_directory.ts";

/** How long a clock that CRIU reads may be behind. */
const RENEW_MS = 10;

/** A directory of images that CRIU is to restore; disposal removes it, when it was made for that. */
export interface ImagesForCriu extends Disposable {
  readonly path: string;
}

/** What a restore does with the clocks of its tree. */
export interface ClockPlan {
  /** What speaks against it. */
  readonly problems: readonly Problem[];
  /**
   * The images for a CRIU that is started now: those of the dump, or links to them, below `workDir`, beside clocks of their own.
   * @throws {UsageError} when these cannot be made.
   */
  images(workDir: string): ImagesForCriu;
}

/**
 * Plans how the monotonic clock of a tree goes on. CRIU sets it to what it was at the dump, whatever day it is: `continue`. For `wall`,
 * it gets images in which that is later by the time that has passed since, but never earlier.
 */
export function planClock(
  imagesDir: string,
  manifest: Manifest | undefined,
  { clock, criuOptions = {} }: Pick<RestoreOptions, "clock" | "criuOptions">,
): ClockPlan {
  const asTheyAre = (): ImagesForCriu => ({ path: imagesDir, [Symbol.dispose]() {} });
  if (clock === "continue") return { problems: [], images: asTheyAre };
  const found = clocksToMove(imagesDir, criuOptions);
  if (typeof found === "string") {
    const severity = clock === "wall" ? "error" : "warning";
    return { problems: [problem(severity, found, GO_ON)], images: asTheyAre };
  }
  const since = manifest?.clocksReadAt ?? clocksReadAt(imagesDir) ?? Date.now();
  return {
    problems: doubtsAbout(since, manifest),
    images: (workDir) => (since < Date.now() ? imagesSince(since, found, imagesDir, workDir) : asTheyAre()),
  };
}

const GO_ON = 'To accept that, restore with --clock=continue (clock: "continue").';
const FOREIGN =
  "the monotonic clock of the tree is that of this machine, and timers stand still where it has gone back";
const STOPPED = "the monotonic clock of the tree stands still for the time as an image, and its timers are late";

/** The clocks of a dump, or why CRIU would not take others. */
function clocksToMove(imagesDir: string, { unprivileged }: CriuOptions): readonly Clocks[] | string {
  if (timeOffsets() === "") return `This kernel has no time namespaces: ${FOREIGN}`;
  if (unprivileged) return `CRIU sets no clocks with --unprivileged: ${FOREIGN}`;
  // CRIU opens images also when it has changed its root: links would lead nowhere. A user namespace comes with one of mounts.
  if (readdirSync(imagesDir).some((name) => /^mountpoints-\d+\.img$/.test(name))) {
    return `The tree has a mount namespace of its own: ${STOPPED}`;
  }
  try {
    const clocks = readClocks(imagesDir);
    return clocks.length > 0 ? clocks : `The dump holds no clocks (timens-0.img): ${FOREIGN}`;
  } catch (error) {
    // Such images are restored only with `force`.
    if (error instanceof ImageError) return error.message;
    throw error;
  }
}

/** What may be wrong about the time that has passed. */
function doubtsAbout(since: number, manifest: Manifest | undefined): Problem[] {
  if (since > Date.now()) {
    const what = `It was dumped in the future of this machine (${momentOf(since)}): the monotonic clock of the tree goes on from where it was`;
    return [problem("warning", what, "Set the clock of this machine, before the next restore.")];
  }
  if (manifest?.clocksReadAt !== undefined) return [];
  const what = `There is no manifest: that the tree was dumped at ${momentOf(since)} is what the time of timens-0.img says`;
  return [
    problem("warning", what, "If these files are a copy made without their times, restore with --clock=continue."),
  ];
}

function problem(severity: Problem["severity"], what: string, cure: string): Problem {
  return { severity, kind: "clock", what: printable(what, LONGEST_MESSAGE), cure };
}

/** Links to all images but the clocks, which are later by the time since then. */
function imagesSince(since: number, clocks: readonly Clocks[], imagesDir: string, workDir: string): ImagesForCriu {
  using made = new DisposableStack();
  try {
    const { path } = made.use(privateDirectory(workDir));
    for (const name of readdirSync(imagesDir)) symlinkSync(join(imagesDir, name), join(path, name));
    // In the place of the links to those of the dump.
    made.use(renewedClocks(path, clocks, since));
    const kept = made.move();
    return { path, [Symbol.dispose]: () => kept.dispose() };
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === "ENOSPC" ? "the disk there is full" : printable(message);
    throw new UsageError(
      `Cannot make links to the images in ${printable(workDir)}: ${why}. Name another directory (workDir, --work-dir), or leave ` +
        'the clocks as they were: clock: "continue" (--clock=continue).',
    );
  }
}

/** Writes the clocks, and again and again until disposal: it takes CRIU a while to come to them. */
function renewedClocks(directory: string, clocks: readonly Clocks[], since: number): Disposable {
  const write = (): void => writeClocks(directory, clocks, Math.max(0, Date.now() - since));
  write();
  const timer = setInterval(() => {
    try {
      write();
    } catch {
      // Those of before are there, and a little behind.
    }
  }, RENEW_MS);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
