/**
 * What is in a dump: its processes and memory, whether a text is in it, how two dumps differ, and the manifest beside it.
 *
 * In Deno it needs `--allow-all`: files are looked at before they are opened, by way of /proc.
 *
 * @module
 */
export { type CheckOptions, checkManifest } from "./check_manifest.ts";
export { compareImages, type Difference } from "./compare.ts";
export type { CpuCap } from "./cpu_features.ts";
export type { Digest, Digests } from "./digest.ts";
export { ImageError } from "./errors.ts";
export { type Finding, type FindOptions, type FoundPlace, findInImages } from "./find.ts";
export { type DescribeOptions, describeProgram } from "./identity/describe.ts";
export type { EnvGate, Environment } from "./identity/env_gate.ts";
export { misfitOf, type Wanted } from "./identity/misfit.ts";
export type { Program } from "./identity/program.ts";
export type { SourceFile } from "./identity/source_file.ts";
export type { StartMark } from "./identity/start_mark.ts";
export { describeMachine, type Gpu, type Machine } from "./machine.ts";
export { MANIFEST, readManifest } from "./manifest.ts";
export type { DumpFacts, ImageFacts, Manifest } from "./manifest_shape.ts";
export type { Encoding } from "./needles.ts";
export { type Problem, type ProblemKind, problemKinds } from "./problem.ts";
export { type Programs, programsOf } from "./programs.ts";
export { readImages } from "./read.ts";
export type {
  Descriptor,
  DumpStats,
  Executable,
  GhostFile,
  ImageMemory,
  ImageProcess,
  Images,
  RestoreStats,
  SharedMemory,
} from "./types.ts";
export { describeImages, writeManifest } from "./write_manifest.ts";
