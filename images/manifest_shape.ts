import type { Digest } from "./digest.ts";
import { ImageError } from "./errors.ts";
import type { EnvGate } from "./identity/env_gate.ts";
import type { Program } from "./identity/program.ts";
import type { Machine } from "./machine.ts";
import type { Executable } from "./types.ts";

/** What a driver knows of a dump that it made. */
export interface DumpFacts {
  /** The version of CRIU, such as `4.2.1`. */
  readonly criu: string | undefined;
  /** The id of its notice; undefined when nobody was notified. */
  readonly noticeId: string | undefined;
  /** The attached processes, by the pids that the driver sees. */
  readonly apps: readonly {
    readonly pid: number;
    readonly runtime: string;
    readonly generation: number;
    /** Of one that acts on a launch: how many arguments it was started with. */
    readonly launch?: { readonly args: number };
  }[];
  /** The environment variables whose change makes the image unfit. */
  readonly envGate?: EnvGate | undefined;
  /** Whether the tree went on. */
  readonly leftRunning: boolean;
  /** Its CUDA work is in the hands of NVIDIA's driver, and must be taken back from it after a restore. */
  readonly cuda?: boolean | undefined;
  /** Options of CRIU itself, by their names. */
  readonly criuOptions: Readonly<Record<string, unknown>>;
  /** What the processes run, as `programsOf` found it before the dump. @default it is read from the images */
  readonly programs?: readonly Executable[];
  /** Whether the tree has a mount namespace of its own: paths are then those of its container. */
  readonly ownMounts?: boolean;
  /** What the tree is, as `describeProgram` found it before the dump. */
  readonly program?: Program;
  /** Where it was dumped. @default this machine is looked at */
  readonly machine?: Machine;
  /** Words of the user's own. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** What lies beside the images of a whole dump, as `criu-aware.json`. Of the environment there are digests in it, of the variables that an app has named (`envGate`). */
export interface Manifest extends DumpFacts {
  /** The version of this format. */
  readonly manifest: 1;
  /** The version of this library. */
  readonly criuAware: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** Where it was dumped. */
  readonly machine: Machine;
  /** What the processes run, each once. */
  readonly programs: readonly Executable[];
  /** Whether paths are those of a container. */
  readonly ownMounts: boolean;
  /**
   * When CRIU read the clocks that a restored tree goes on with, in milliseconds since 1970, by the file system of the images; undefined
   * when it wrote none.
   */
  readonly clocksReadAt?: number | undefined;
  /** Plugins of CRIU's that a restore needs. */
  readonly plugins: readonly string[];
  /** The files of the dump. */
  readonly files: readonly ({ readonly name: string; readonly bytes: number } & Digest)[];
}

/** What the images say of themselves. */
export type ImageFacts = Pick<Manifest, "clocksReadAt" | "plugins" | "files">;

type Check = (value: unknown) => boolean;

const text: Check = (value) => typeof value === "string";
const flag: Check = (value) => typeof value === "boolean";
const count: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
/** A name in the directory itself: what is opened may not lead out of it. */
const fileName: Check = (value) => text(value) && !/[/\0]/.test(value as string) && value !== "." && value !== "..";
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);
const list =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const object: Check = (value) => typeof value === "object" && value !== null && !Array.isArray(value);
const shape =
  (fields: Readonly<Record<string, Check>>): Check =>
  (value) =>
    object(value) && Object.entries(fields).every(([name, check]) => check((value as Record<string, unknown>)[name]));

/** The fields of a manifest. What is not listed is ignored: a later version may say more. */
const fields: Readonly<Record<string, Check>> = {
  criuAware: text,
  createdAt: text,
  criu: optional(text),
  noticeId: optional(text),
  apps: list(shape({ pid: count, runtime: text, generation: count, launch: optional(shape({ args: count })) })),
  envGate: optional(
    shape({ salt: text, names: list(shape({ name: text, digest: (value) => value === null || text(value) })) }),
  ),
  leftRunning: flag,
  cuda: optional(flag),
  criuOptions: object,
  labels: (value) => object(value) && Object.values(value as object).every(text),
  machine: shape({
    kernel: text,
    arch: text,
    cpu: text,
    cpuFeatures: list(text),
    gpus: list(shape({ id: text, model: text })),
  }),
  programs: list(shape({ path: text, bytes: optional(count), buildId: optional(text) })),
  ownMounts: flag,
  program: optional(
    shape({
      command: optional(list(text)),
      started: optional(shape({ command: list(text), executable: text, cwd: text })),
      cwd: text,
      executable: text,
      startedAt: count,
      depends: list(text),
      files: optional(
        list(
          shape({
            path: text,
            real: optional(text),
            bytes: count,
            sha256: optional(text),
            modifiedAt: optional(count),
            isLate: optional(flag),
          }),
        ),
      ),
    }),
  ),
  clocksReadAt: optional(count),
  plugins: list(text),
  files: list(shape({ name: fileName, bytes: count, sha256: optional(text), crc32: optional(text) })),
};

/**
 * Takes nothing of a manifest that was read for granted.
 * @throws {ImageError} that names the field which is wrong.
 */
export function checkShape(path: string, value: unknown): Manifest {
  if (!object(value)) throw new ImageError(path, "is damaged: it is no object");
  const manifest = value as Record<string, unknown>;
  if (manifest.manifest !== 1) {
    throw new ImageError(path, `has version ${JSON.stringify(manifest.manifest)}, and this program knows 1: update it`);
  }
  for (const [name, check] of Object.entries(fields)) {
    if (!check(manifest[name])) throw new ImageError(path, `is damaged: its field "${name}" is missing or wrong`);
  }
  return value as Manifest;
}
