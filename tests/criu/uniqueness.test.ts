/** uniqueness() on real CRIU: copies of one image share nothing, in either runtime, and without it they do. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { CollisionError, expectUniqueAcrossClones } from "criu-aware/testing";
import { noCriu } from "../support/criu.ts";
import { dumpableEnv, type RuntimeName, runCommand, runtimes } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const skip = noCriu;
const root = join(import.meta.dirname as string, "../..");
const program = join(root, "tests/support/drawing_app.ts");

/** What must be the same in copies that renew nothing: otherwise the other test would prove nothing. */
const shared = [
  ...["main", "early worker"].flatMap((thread) => [`${thread}: crypto.randomUUID`, `${thread}: Math.random`]),
  ...["nanoid", "bson ObjectId", "hyperid", "ulid monotonicFactory", "NATS nuid", "uuid v4"].map(
    (name) => `package ${name}`,
  ),
  "client NATS",
];
/** In Deno what a thread draws directly may be new: its generator takes a seed every 64 KiB, and that may have been due. */
const sharedIn: Record<RuntimeName, readonly string[]> = {
  bun: [
    ...shared,
    ...["getRandomValues", "randomBytes", "generateKeySync", "randomUUIDv7", "subtle AES"].map(
      (name) => `main: ${name}`,
    ),
    "early worker: getRandomValues",
    "client fetch: random",
    "client fetch: key share",
  ],
  deno: shared,
};
/** Of these at least one: on a busy machine another thread of the pool may draw in each copy, and each has a generator of its own. */
const fromThePool: Record<RuntimeName, readonly string[]> = {
  bun: [],
  deno: ["main: randomFill, async", "main: generateKey, async", "main: generateKeyPair ed25519, async"],
};

/** The command that runs a program in a runtime, with these variables. */
function run(runtime: RuntimeName, env: Record<string, string> = {}): string[] {
  const settings = Object.entries({ ...dumpableEnv, ...env }).map(([name, value]) => `${name}=${value}`);
  return ["env", ...settings, ...runCommand[runtime]];
}

for (const runtime of runtimes) {
  test(`${runtime}: of 20 copies of one image no two draw the same, from any generator, package or client, on any thread`, {
    skip,
    timeout: 600_000,
  }, async () => {
    await expectUniqueAcrossClones(program, { clones: 20, run: run(runtime), timeoutMs: 60_000 });
  });

  test(`${runtime}: without uniqueness() two copies of one image draw the same`, {
    skip,
    timeout: 120_000,
  }, async () => {
    const control = expectUniqueAcrossClones(program, { clones: 2, run: run(runtime, { UNIQUENESS: "none" }) });
    const error = await control.catch((error: unknown) => error);
    assert.ok(error instanceof CollisionError, String(error));
    const names = new Set(error.collisions.map(({ name }) => name));
    assert.deepEqual(
      sharedIn[runtime].filter((name) => !names.has(name)),
      [],
    );
    const pool = fromThePool[runtime];
    assert.ok(pool.length === 0 || pool.some((name) => names.has(name)), [...names].join(", "));
  });
}

/** Runs a program with this text. */
async function failureOf(text: string): Promise<string> {
  using directory = temporaryDirectory();
  const path = join(directory.path, "program.ts");
  const entry = (file: string): string => pathToFileURL(join(root, file)).href;
  const attached = `import { attach } from "${entry("mod.ts")}";
    import { signal } from "${entry("strategies/signal/agent.ts")}";
    await attach({ strategies: [signal()] });`;
  writeFileSync(path, text.replace("ATTACHED", attached));
  const failed = await expectUniqueAcrossClones(path, { clones: 2, run: run("bun") }).catch((error: Error) => error);
  assert.ok(failed instanceof Error, "it did not fail");
  return `${failed.name}: ${failed.message}`;
}

test("a program that cannot be compared is told by what it does wrong", { skip, timeout: 120_000 }, async () => {
  assert.match(await failureOf("ATTACHED"), /The program: it cannot be loaded: .*it exports no function draw\(\)/s);
  assert.match(await failureOf('throw new Error("no database")'), /cannot be loaded: .*no database/s);
  assert.match(
    await failureOf('console.log("bye"); process.exit(3)'),
    /The program has ended. The end of its output:\nbye/,
  );
  assert.match(
    await failureOf("export const draw = () => ({ id: 1 })"),
    /PageError: No process in the tree of \d+ is attached/,
  );
  const thrown = await failureOf('ATTACHED; export function draw() { throw new Error("no server"); }');
  assert.match(thrown, /Copy 1: draw\(\) failed: .*no server/s);
  assert.match(await failureOf("ATTACHED; export const draw = () => ({})"), /Copy 1: draw\(\) returned nothing/);
  assert.match(await failureOf("ATTACHED; export const draw = () => process.exit(3)"), /Copy 1 has ended/);
});
