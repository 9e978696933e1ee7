import { readdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ImageError } from "./errors.ts";
import { image, message } from "./image_bytes.ts";
import { ImageReader } from "./image_reader.ts";
import { clockTimesFields, type Time } from "./messages/clocks.ts";

/** One for each time namespace; 0 is that of CRIU itself. */
const clockImage = /^timens-\d+\.img$/;
/** A file has the time of the last tick of the kernel (CONFIG_HZ, 100 at least). */
const TICK_MS = 10;
const NS_PER_MS = 1_000_000n;
const NS_PER_S = 1_000_000_000n;

/** The clocks of a dumped tree (clock_gettime(2)), as CRIU read them while it was frozen: it goes on with them, whenever it is restored. */
export interface Clocks {
  /** The name of the image. */
  readonly name: string;
  /** CLOCK_MONOTONIC, in nanoseconds. */
  readonly monotonic: bigint;
  /** CLOCK_BOOTTIME, in nanoseconds. */
  readonly boottime: bigint;
}

/**
 * Reads the clocks of a dump. Empty when CRIU has written none.
 * @throws {ImageError} when an image is damaged.
 */
export function readClocks(directory: string): Clocks[] {
  return clockImages(directory).map((name) => {
    using reader = new ImageReader(directory, name, "timens");
    const { monotonic, boottime } = reader.need(clockTimesFields);
    return { name, monotonic: nanoseconds(reader, monotonic), boottime: nanoseconds(reader, boottime) };
  });
}

/**
 * Writes such images into a directory of ours, with both clocks later by so many milliseconds. Whoever reads them
 * meanwhile finds those of before or the new ones.
 */
export function writeClocks(directory: string, clocks: readonly Clocks[], laterMs: number): void {
  const later = BigInt(Math.round(laterMs)) * NS_PER_MS;
  for (const { name, monotonic, boottime } of clocks) {
    const times = { monotonic: timeOf(monotonic + later), boottime: timeOf(boottime + later) };
    const temporary = join(directory, `${name}.new`);
    writeFileSync(temporary, image("timens", message(clockTimesFields, times)));
    renameSync(temporary, join(directory, name));
  }
}

/**
 * When CRIU had read the clocks, in milliseconds since 1970, as far as the file system knows: it wrote them at once. A copy that has not
 * kept the times of its files says when it was copied.
 */
export function clocksReadAt(directory: string): number | undefined {
  const [name] = clockImages(directory);
  return name === undefined ? undefined : Math.ceil(statSync(join(directory, name)).mtimeMs) + TICK_MS;
}

function clockImages(directory: string): string[] {
  return readdirSync(directory).filter((name) => clockImage.test(name));
}

function nanoseconds({ path }: ImageReader, { tvSec, tvNsec }: Time): bigint {
  if (tvNsec >= NS_PER_S) throw new ImageError(path, `is damaged: it names a time with ${tvNsec} nanoseconds`);
  return tvSec * NS_PER_S + tvNsec;
}

function timeOf(nanoseconds: bigint): Time {
  return { tvSec: nanoseconds / NS_PER_S, tvNsec: nanoseconds % NS_PER_S };
}
