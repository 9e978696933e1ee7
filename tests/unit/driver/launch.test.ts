import assert from "node:assert/strict";
import { test } from "node:test";
import { simulate, UsageError } from "criu-aware/driver";
import { encodeLaunch, requireTaker } from "../../../driver/launch.ts";
import { describeEnvGate } from "../../../images/identity/env_gate.ts";
import type { Manifest } from "../../../images/manifest_shape.ts";
import { texts } from "../../../page/layout.ts";

const usage = (pattern: RegExp) => (error: unknown) =>
  error instanceof UsageError && pattern.test(error.message) && !/s3cret/.test(error.message);

test("a launch that is none is an error that names the part, and never what is in it", () => {
  for (const [launch, message] of [
    [{ env: { "A=B": "s3cret" } }, /^launch\.env must be/],
    [{ env: { A: "s3cret\0" } }, /^launch\.env must be/],
    [{ env: { A: 5 } }, /^launch\.env must be/],
    [{ env: { "": "s3cret" } }, /^launch\.env must be/],
    [{ wholeEnv: "s3cret" }, /^launch\.wholeEnv must be true or false/],
    [{ args: "s3cret" }, /^launch\.args must be a list/],
    [{ args: [5] }, /^launch\.args/],
    [{ cwd: "s3cret" }, /^launch\.cwd must be an absolute path/],
    [{ values: { key: {} } }, /^launch\.values/],
    [{ environment: { A: "s3cret" } }, /^There is no launch\.environment: there are env, /],
    [
      { values: { key: "x".repeat(texts.launch.bytes) } },
      /^The launch is too long: it has 262165 bytes .* may have 262144/,
    ],
  ] as const) {
    assert.throws(() => encodeLaunch(launch as object), usage(message));
  }
  assert.equal(encodeLaunch({ env: { A: null } }), '{"env":{"A":null}}');
});

test("a manifest says that no app acts on a launch, and which gated variable would change", () => {
  const apps = [{ pid: 1, runtime: "bun 1", generation: 0 }];
  assert.throws(() => requireTaker({ apps } as unknown as Manifest, {}), usage(/register environment\(\)/));
  const [name = "", value = ""] = Object.entries(process.env).find(([name]) => name === "PATH") ?? [];
  const envGate = describeEnvGate([name, "NEVER_SET"], process.pid);
  const manifest = { apps: [{ ...apps[0], launch: { args: 0 } }], envGate } as unknown as Manifest;
  requireTaker(manifest, { env: { OTHER: "x" } });
  requireTaker(manifest, { env: { [name]: value, OTHER: "x" }, wholeEnv: true });
  assert.throws(() => requireTaker(manifest, { env: { [name]: "s3cret" } }), usage(/another value of PATH: /));
  assert.throws(() => requireTaker(manifest, { env: {}, wholeEnv: true }), usage(/another value of PATH: /));
  assert.throws(() => requireTaker(manifest, { env: { NEVER_SET: "s3cret" } }), usage(/NEVER_SET/));
});

test("the simulate engine hands over a launch, and refuses one on which nobody acts", async () => {
  const { startProgram } = await import("../../support/child.ts");
  const { join } = await import("node:path");
  const { runCommand } = await import("../../support/runtimes.ts");
  const runtime = "Bun" in globalThis ? "bun" : "deno";
  for (const deaf of [false, true]) {
    const app = join(import.meta.dirname as string, "../../support/launched_app.ts");
    const [program = "", ...args] = runCommand[runtime];
    await using child = startProgram(program, [...args, app, JSON.stringify({ deaf })]);
    await child.nextLine();
    const engine = simulate();
    const imagesDir = `/simulated/${child.pid}`;
    await engine.dump({ pid: child.pid, imagesDir });
    const restore = engine.restore({ imagesDir, launch: { env: { ADDED: "new" } } });
    if (deaf) {
      await assert.rejects(restore, usage(/Cannot hand over a launch: no process says/));
      assert.equal(JSON.parse(await child.nextLine()).event, "aborted");
      continue;
    }
    await restore;
    const { event, added } = JSON.parse(await child.nextLine());
    assert.deepEqual([event, added], ["restored", ["new", "new", "new", "new"]]);
  }
});
