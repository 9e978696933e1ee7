import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { checkCriuOptions } from "../../criu/options.ts";
import { UsageError } from "../../criu/usage_error.ts";
import { carryOptions, expectedAfter } from "../../driver/carried.ts";
import { requireTaker } from "../../driver/launch.ts";
import { contentProblems, quickProblems, versionProblems } from "../../images/check_manifest.ts";
import { argumentsIn, renewableArguments } from "../../images/identity/arguments.ts";
import { describeChanges, misfitOf } from "../../images/identity/misfit.ts";
import { MANIFEST, readManifest } from "../../images/manifest.ts";
import { checkShape, type Manifest } from "../../images/manifest_shape.ts";
import { ImageError } from "../../images/mod.ts";
import { momentOf } from "../../images/moment.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import type { Border } from "./border.ts";
import { isSafe, isSafeThroughout, orError } from "./expect.ts";
import { altered, damaged, numbers, plainText, text } from "./inputs.ts";

const path = fc.oneof(
  text(20).map((text) => `/${text}`),
  fc.constantFrom("/", "/proc/self/mem", "/bin/sh", "/dev/zero"),
);
const count = fc.nat();
const digest = fc.constantFrom("00", "ff".repeat(32));
const words = fc.array(text(10), { maxLength: 4 });

/** What may lie beside the images of a dump. */
const manifests: fc.Arbitrary<unknown> = fc.record(
  {
    manifest: fc.constant(1),
    criuAware: plainText(),
    createdAt: fc.oneof(fc.constant("2026-11-28T08:00:00.000Z"), text()),
    criu: fc.oneof(fc.constant("4.2.1"), text(10)),
    noticeId: text(),
    apps: fc.array(
      fc.record({ pid: count, runtime: text(8), generation: count, launch: fc.record({ args: fc.nat(5) }) }),
      { maxLength: 3 },
    ),
    envGate: fc.record({
      salt: text(8),
      names: fc.array(fc.record({ name: text(8), digest: fc.option(digest) }), { maxLength: 3 }),
    }),
    leftRunning: fc.boolean(),
    cuda: fc.boolean(),
    criuOptions: fc.dictionary(
      fc.constantFrom("tcpClose", "manageCgroups", "root", "shellJob", "external", "__proto__"),
      fc.oneof(fc.boolean(), text(8), fc.constantFrom("/", "ignore", "full")),
    ),
    labels: fc.dictionary(text(8), text(8), { maxKeys: 3 }),
    machine: fc.record({
      kernel: fc.oneof(fc.constant("6.1.0"), text(8)),
      arch: fc.oneof(fc.constant("x86_64"), text(8)),
      cpu: text(8),
      cpuFeatures: words,
      gpus: fc.array(fc.record({ id: text(8), model: text(8) }), { maxLength: 2 }),
    }),
    programs: fc.array(fc.record({ path, bytes: count, buildId: digest }), { maxLength: 2 }),
    ownMounts: fc.boolean(),
    program: fc.record(
      {
        command: words,
        started: fc.record({ command: words, executable: path, cwd: path }),
        cwd: path,
        executable: path,
        startedAt: count,
        depends: fc.array(path, { maxLength: 2 }),
        files: fc.array(fc.record({ path, bytes: count, sha256: digest, isLate: fc.boolean() }), { maxLength: 3 }),
      },
      { requiredKeys: ["cwd", "executable", "startedAt", "depends"] },
    ),
    clocksReadAt: count,
    plugins: words,
    files: fc.array(
      fc.record({
        name: fc.oneof(text(20), fc.constantFrom("", "n".repeat(300), MANIFEST)),
        bytes: fc.oneof(count, fc.constant(0)),
        sha256: digest,
      }),
      { maxLength: 3 },
    ),
  },
  {
    requiredKeys: [
      ...["manifest", "criuAware", "createdAt", "apps", "leftRunning", "criuOptions", "labels"],
      ...["machine", "programs", "ownMounts", "plugins", "files"],
    ] as never[],
  },
);

/** A manifest, and all that is concluded from it. */
export const manifest: Border = {
  name: "manifest",
  runs: 700,
  open(cleanup) {
    const directory = temporaryDirectory();
    cleanup.defer(() => directory[Symbol.dispose]());
    const given = fc.oneof(
      fc.record({ value: altered(manifests) }),
      fc.record({ bytes: damaged(manifests.map((value) => new TextEncoder().encode(JSON.stringify(value)))) }),
    );
    return fc.asyncProperty(given, numbers, async (given, moment) => {
      isSafe(momentOf(moment));
      const file = join(directory.path, MANIFEST);
      writeFileSync(file, "bytes" in given ? given.bytes : "{}");
      const found = orError(
        () => ("bytes" in given ? readManifest(directory.path) : checkShape(file, given.value)),
        ImageError,
      );
      if (found) await isUsable(directory.path, found);
    });
  },
};

async function isUsable(directory: string, given: Manifest): Promise<void> {
  // A pattern may stand for all files of the machine: whoever is believed with images may name one.
  const manifest = withoutPatterns(given);
  const { machine } = manifest;
  isSafe(momentOf(manifest.createdAt));
  const problems = [
    ...quickProblems(directory, manifest, { machine: { ...machine, kernel: "1.0", cpuFeatures: [], gpus: [] } }),
    ...versionProblems(manifest, "4.2"),
    ...(await contentProblems(directory, manifest)),
  ];
  for (const { what, cure } of problems) for (const text of [what, cure]) isSafe(text);
  const command = ["/bin/sh", "-c", ":"];
  const why = [
    describeChanges(manifest),
    misfitOf(manifest, { command, cwd: "/", env: { A: "1" } }),
    misfitOf(manifest, { command: manifest.program?.command ?? command, cwd: manifest.program?.cwd ?? "/", env: {} }),
  ];
  for (const text of why) if (text !== undefined) isSafe(text);
  checkCriuOptions(carryOptions(manifest, {}));
  for (const { pid } of manifest.apps) {
    assert.ok(expectedAfter(manifest, pid, undefined, {}).pids.includes(pid));
    const renewable = renewableArguments(manifest, pid);
    if (renewable !== undefined) isSafeThroughout(argumentsIn(manifest, { command, cwd: "/" }, renewable));
  }
  orError(() => requireTaker(manifest, { env: { A: "1" } }), UsageError);
}

function withoutPatterns(manifest: Manifest): Manifest {
  const { program } = manifest;
  if (!program) return manifest;
  const depends = program.depends.map((path) => path.replace(/[*?[{]/g, "_"));
  return { ...manifest, program: { ...program, depends } };
}
