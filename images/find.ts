import { constants, existsSync, lstatSync, readdirSync, realpathSync } from "node:fs";
import { join, resolve } from "node:path";
import { describeHoles } from "../ffi/holes.ts";
import { ImageError } from "./errors.ts";
import { pageBytesIn } from "./memory.ts";
import { type Encoding, needlesOf, search } from "./needles.ts";
import { pagemapsOf, pagesFileOf, readPagemap } from "./pagemap.ts";
import { readChunks } from "./regular_file.ts";

/** Where a text was found. */
export interface Finding {
  /** The file, relative to the directory. */
  readonly file: string;
  /** In which form it was there. */
  readonly encoding: Encoding;
  /** How often, places that are not named included. */
  readonly count: number;
  /** The first places, in the order of the file. */
  readonly places: readonly FoundPlace[];
}

/** One place of a finding. */
export interface FoundPlace {
  /** From the beginning of the file; of what it holds when it is compressed. */
  readonly offset: number;
  /** The process whose memory it is. */
  readonly pid?: number;
  /** The shared memory that it is in, as {@linkcode SharedMemory} numbers it. */
  readonly sharedId?: number;
  /** The address in the process; in shared memory the offset from its beginning. */
  readonly address?: bigint;
}

/** How to search. */
export interface FindOptions {
  /** How many places to name for each file and form; all are counted. @default 10 */
  readonly places?: number;
  /** Cancels. */
  readonly signal?: AbortSignal;
  /** Told how far the search is. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/**
 * Is this secret in that image? Looks through all files of a dump, pages included, and through the dumps that an incremental one
 * is built on. No symbolic link is followed but CRIU's own, `parent`. A text is looked for as UTF-8, as UTF-16 and, where it differs, as Latin-1: how JavaScript engines keep strings.
 *
 * A find is certain; to find nothing is no proof: memory may hold a text in pieces (ropes), encoded, encrypted or compressed.
 *
 * @throws {RangeError} when there is nothing to look for, or `places` is no number of places.
 * @throws {ImageError} when there is no such directory, a file in it cannot be read, or next to all is holes.
 * @example
 * ```ts
 * import { findInImages } from "criu-aware/images";
 * for (const { file, count, places } of await findInImages("/var/tmp/images", "my secret")) console.log(file, count, places);
 * ```
 */
export async function findInImages(
  directory: string,
  wanted: string | Uint8Array,
  options: FindOptions = {},
): Promise<Finding[]> {
  if (wanted.length === 0) throw new RangeError("Cannot look for nothing: name a text of at least one letter.");
  const { places = 10, signal, onProgress } = options;
  if (!Number.isInteger(places) || places < 0) {
    throw new RangeError(`places must be a whole number, 0 or more, not ${places}.`);
  }
  const needles = needlesOf(wanted);
  const sources = layersOf(resolve(directory)).flatMap(filesOf);
  const totalBytes = sumOf(sources, "bytes");
  refuseHoles(sources, totalBytes);
  const findings: Finding[] = [];
  let before = 0;
  for (const source of sources) {
    const onBytes = (bytes: number): void => onProgress?.(before + bytes, totalBytes);
    const hits = await search(contentOf(join(source.layer.path, source.name), signal, onBytes), needles, places);
    for (const { encoding, count, offsets } of hits) {
      const file = join(source.layer.prefix, source.name);
      findings.push({ file, encoding, count, places: locate(source.layer.path, source.name, offsets) });
    }
    before += source.bytes;
  }
  return findings;
}

/** A directory of images, and what it is called from the first one. */
interface Layer {
  readonly path: string;
  readonly prefix: string;
}

/** The directory, and those that it is built on: a link may lead anywhere, so only what holds a dump counts. */
function layersOf(directory: string): Layer[] {
  const layers: Layer[] = [];
  const seen = new Set<string>();
  const isThere = ({ path }: Layer): boolean => existsSync(layers.length === 0 ? path : join(path, "inventory.img"));
  for (let layer: Layer = { path: directory, prefix: "" }; isThere(layer); ) {
    const real = realpathSync(layer.path);
    if (seen.has(real)) break;
    seen.add(real);
    layers.push(layer);
    layer = { path: join(layer.path, "parent"), prefix: join(layer.prefix, "parent") };
  }
  if (layers.length === 0) throw new ImageError(directory, "is missing");
  return layers;
}

/** A file to search in. */
interface Source {
  readonly layer: Layer;
  readonly name: string;
  readonly bytes: number;
  /** Of 512 bytes, that it has on the disk. */
  readonly blocks: number;
}

function filesOf(layer: Layer): Source[] {
  return readdirSync(layer.path)
    .sort()
    .flatMap((name) => {
      const stat = lstatSync(join(layer.path, name), { throwIfNoEntry: false });
      return stat?.isFile() ? { layer, name, bytes: stat.size, blocks: stat.blocks } : [];
    });
}

function sumOf(sources: readonly Source[], what: "bytes" | "blocks"): number {
  return sources.reduce((sum, source) => sum + source[what], 0);
}

/** All together: many files may have holes that are bearable in one. */
function refuseHoles(sources: readonly Source[], size: number): void {
  const holes = describeHoles({ size, blocks: sumOf(sources, "blocks") });
  const [worst] = sources.toSorted((a, b) => b.bytes - b.blocks * 512 - (a.bytes - a.blocks * 512));
  if (holes === undefined || !worst) return;
  throw new ImageError(join(worst.layer.path, worst.name), `cannot be searched, with all beside it: ${holes}`);
}

/** The content of a file; of an archive (tmpfs-*.tar.gz) what was compressed. */
async function* contentOf(
  path: string,
  signal: AbortSignal | undefined,
  onBytes: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  const raw = readChunks(path, signal, onBytes, constants.O_NOFOLLOW);
  if (!path.endsWith(".gz")) return yield* raw;
  try {
    const [{ pipeline, Readable }, { createGunzip }] = await Promise.all([import("node:stream"), import("node:zlib")]);
    // pipeline() hands on what goes wrong; what it would throw here comes out of the loop.
    yield* pipeline(Readable.from(copies(raw)), createGunzip(), () => {});
  } catch (cause) {
    signal?.throwIfAborted();
    throw cause instanceof ImageError
      ? cause
      : new ImageError(path, `is damaged: ${(cause as Error).message}`, { cause });
  }
}

/** For whoever keeps more than one piece. */
async function* copies(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) yield Uint8Array.from(piece);
}

/** Whose memory the offsets of a pages file are. */
function locate(directory: string, name: string, offsets: readonly number[]): FoundPlace[] {
  const pagemap = /^pages-\d+\.img$/.test(name)
    ? pagemapsOf(directory).find((pagemap) => pagesFileOf(directory, pagemap.name) === name)
    : undefined;
  if (!pagemap) return offsets.map((offset) => ({ offset }));
  const { name: file, ...owner } = pagemap;
  const places: FoundPlace[] = [];
  for (const run of readPagemap(directory, file, pageBytesIn(directory))) {
    if (run.place !== "image") continue;
    for (const offset of offsets.slice(places.length)) {
      if (offset >= run.offset + run.bytes) break;
      places.push({ offset, ...owner, address: run.address + BigInt(offset - run.offset) });
    }
  }
  // Behind the last page that the pagemap knows.
  return [...places, ...offsets.slice(places.length).map((offset) => ({ offset }))];
}
