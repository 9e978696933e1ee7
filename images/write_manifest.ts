import { readdirSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { replaceFile } from "../ffi/own_file.ts";
import { version } from "../package/version.ts";
import { clocksReadAt } from "./clocks.ts";
import { type Digests, digest, kindFor } from "./digest.ts";
import { describeMachine } from "./machine.ts";
import { MANIFEST } from "./manifest.ts";
import type { DumpFacts, ImageFacts, Manifest } from "./manifest_shape.ts";
import { programsIn } from "./programs.ts";
import { readImages } from "./read.ts";
import { readInventory } from "./tree.ts";

/**
 * Reads and digests the images, as soon as CRIU has written them: at its hook `post-dump`.
 * @throws {ImageError} when they are not those of a whole dump.
 */
export async function describeImages(
  directory: string,
  digests: Digests = "quick",
  signal?: AbortSignal,
): Promise<ImageFacts> {
  const path = resolve(directory);
  const { plugins } = readInventory(path);
  const files: Manifest["files"][number][] = [];
  for (const name of readdirSync(path).filter(isNeeded)) {
    const stat = statSync(join(path, name));
    if (!stat.isFile()) continue;
    const kind = kindFor(stat.size, digests);
    const bytes = stat.size;
    files.push({ name, bytes, ...(kind ? { [kind]: await digest(join(path, name), kind, signal) } : {}) });
  }
  return { clocksReadAt: clocksReadAt(path), plugins: plugins?.plugins ?? [], files };
}

/**
 * Writes the manifest beside the images of a dump that CRIU has finished: whole or not at all (a temporary file and a rename), for
 * its owner only. It must be the last thing that a dump writes: that it is there means that the dump is whole. (CRIU does not
 * sync, and neither does this: after a power failure the sizes and digests in it tell.) It guards against mistakes and damage, not
 * against somebody who may write into the directory.
 *
 * @throws {ImageError} when the images are not those of a whole dump.
 * @throws what the file system says when the directory cannot be written.
 * @example
 * ```ts
 * import { writeManifest } from "criu-aware/images";
 * const facts = { criu: "4.2.1", noticeId: undefined, apps: [], leftRunning: false, criuOptions: {} };
 * await writeManifest("/var/tmp/images", { ...facts, labels: { release: "2026-01" } }, { digests: "full" });
 * ```
 */
export async function writeManifest(
  directory: string,
  facts: DumpFacts,
  options: {
    readonly digests?: Digests;
    readonly signal?: AbortSignal;
    /** What `describeImages` found. @default it is called */
    readonly images?: ImageFacts;
  } = {},
): Promise<Manifest> {
  const path = resolve(directory);
  const images = options.images ?? (await describeImages(path, options.digests, options.signal));
  const { criu, noticeId, apps, envGate, leftRunning, cuda, criuOptions, labels = {}, program } = facts;
  const { programs, ownMounts } = { ...(facts.programs ? {} : programsIn(readImages(path))), ...facts };
  const manifest: Manifest = {
    manifest: 1,
    criuAware: version,
    createdAt: new Date().toISOString(),
    ...{ criu, noticeId, apps, leftRunning, cuda, criuOptions, labels },
    machine: facts.machine ?? describeMachine(),
    ...(envGate ? { envGate } : {}),
    ...(program ? { program } : {}),
    ...{ programs: programs ?? [], ownMounts: ownMounts ?? false },
    ...images,
  };
  const text = `${JSON.stringify(manifest, null, 2)}\n`;
  replaceFile(join(path, MANIFEST), (temporary) => writeFileSync(temporary, text));
  return manifest;
}

/** Whether a restore needs the file: logs, statistics and what a restore leaves are no part of a dump. */
function isNeeded(name: string): boolean {
  return !/\.(log|pid)$|^stats-|^criu-aware|^irmap-cache$/.test(name);
}
