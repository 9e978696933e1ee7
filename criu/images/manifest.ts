import { randomUUID } from "node:crypto";
import { lstatSync, readFileSync, renameSync, rmSync } from "node:fs";
import { open } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { CriuOptions } from "../options.ts";
import { type Digest, type Digests, digest, kindFor } from "./digest.ts";
import { ImageError } from "./errors.ts";
import { describeMachine, type Machine } from "./machine.ts";
import { checkShape } from "./manifest_shape.ts";
import { readImages } from "./read.ts";
import { openRegularFile } from "./regular_file.ts";
import type { Executable, Images } from "./types.ts";

/** The name of the manifest in a directory of images. */
export const MANIFEST = "criu-aware.json";
const LARGEST = 16 * 2 ** 20;

/** What a driver knows of a dump that it made. */
export interface DumpFacts {
  /** The version of CRIU, such as `4.2.1`. */
  readonly criu: string | undefined;
  readonly noticeId: string | undefined;
  /** The attached processes, by the pids that the driver sees. */
  readonly apps: readonly { readonly pid: number; readonly runtime: string; readonly generation: number }[];
  readonly leftRunning: boolean;
  readonly criuOptions: CriuOptions;
  /** Words of the user's own. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** What lies beside the images of a whole dump, as `criu-aware.json`. Nothing of the environment is in it. */
export interface Manifest extends DumpFacts {
  /** The version of this format. */
  readonly manifest: 1;
  /** The version of this library. */
  readonly criuAware: string;
  /** ISO 8601. */
  readonly createdAt: string;
  readonly machine: Machine;
  /** The programs that the processes run, each once. */
  readonly programs: readonly Executable[];
  /** Whether their paths are those of a container. */
  readonly ownMounts: boolean;
  /** Plugins of CRIU's that a restore needs. */
  readonly plugins: readonly string[];
  readonly files: readonly ({ readonly name: string; readonly bytes: number } & Digest)[];
}

/**
 * Writes the manifest beside the images of a dump that CRIU has finished: whole or not at all (a temporary file, fsync(2), a
 * rename), for its owner only. It must be the last thing that a dump writes: that it is there means that the dump is whole. (CRIU
 * itself does not sync: after a power failure the sizes and digests in it tell.) It guards against mistakes and damage, not against
 * somebody who may write into the directory.
 *
 * @throws {ImageError} when the images are not those of a whole dump.
 * @throws what the file system says when the directory cannot be written.
 * @example
 * ```ts
 * import { writeManifest } from "criu-aware/criu";
 * const facts = { criu: "4.2.1", noticeId: undefined, apps: [], leftRunning: false, criuOptions: {} };
 * await writeManifest("/var/tmp/images", { ...facts, labels: { release: "2026-01" } }, { digests: "full" });
 * ```
 */
export async function writeManifest(
  directory: string,
  facts: DumpFacts,
  options: { readonly digests?: Digests; readonly signal?: AbortSignal } = {},
): Promise<Manifest> {
  const { digests = "quick", signal } = options;
  const path = resolve(directory);
  const images = readImages(path);
  const files: Manifest["files"][number][] = [];
  for (const { name, bytes } of images.files.filter(({ name }) => isNeeded(name))) {
    const kind = kindFor(bytes, digests);
    files.push({ name, bytes, ...(kind ? { [kind]: await digest(join(path, name), kind, signal) } : {}) });
  }
  const { criu, noticeId, apps, leftRunning, criuOptions, labels = {} } = facts;
  const manifest: Manifest = {
    manifest: 1,
    criuAware: ownVersion(),
    createdAt: new Date().toISOString(),
    ...{ criu, noticeId, apps, leftRunning, criuOptions, labels },
    machine: describeMachine(),
    programs: programsOf(images),
    ownMounts: images.ownMounts,
    plugins: images.plugins,
    files,
  };
  await replaceFile(join(path, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

/**
 * Reads the manifest of a dump.
 * @throws {ImageError} when there is none, or it is damaged or of a newer version.
 */
export function readManifest(directory: string): Manifest {
  const path = join(resolve(directory), MANIFEST);
  using file = openRegularFile(path);
  if (file.stat.size > LARGEST) throw new ImageError(path, `is damaged: it has ${file.stat.size} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(file.fd, "utf8"));
  } catch (cause) {
    throw new ImageError(path, "is damaged: it is no JSON", { cause });
  }
  return checkShape(path, value);
}

/** Whether a manifest lies in the directory, readable or not. */
export function hasManifest(directory: string): boolean {
  return lstatSync(join(directory, MANIFEST), { throwIfNoEntry: false }) !== undefined;
}

/** Whether a restore needs the file: logs, statistics and what a restore leaves are no part of a dump. */
function isNeeded(name: string): boolean {
  return !/\.(log|pid)$|^stats-|^criu-aware|^irmap-cache$/.test(name);
}

function programsOf({ processes }: Images): Executable[] {
  const programs = new Map(processes.flatMap(({ executable }) => (executable ? [[executable.path, executable]] : [])));
  return [...programs.values()];
}

function ownVersion(): string {
  return JSON.parse(readFileSync(join(import.meta.dirname as string, "../../package.json"), "utf8")).version;
}

/** Gives a file its whole new content at once, also when the machine loses power. */
async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomUUID()}`;
  try {
    await using file = await open(temporary, "wx", 0o600);
    await file.writeFile(text);
    await file.sync();
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
