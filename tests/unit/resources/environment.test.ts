import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, test } from "node:test";
import { environment } from "criu-aware/resources/environment";
import { attach } from "criu-aware/simulate";
import type { Launch, LaunchOptions } from "../../../lifecycle/types.ts";
import { askedFor, baseAfter } from "../../../resources/environment/variables.ts";
import { runCommand, runtimes } from "../../support/runtimes.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

const before = { ...process.env };
after(() => {
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
});

test("of a whole environment only what differs from the one before is asked for, of a part all", () => {
  const base = { KEPT: "1", CHANGED: "1", GONE: "1", CRIU_AWARE_PID: "7" };
  const asked = (launch: LaunchOptions): object => Object.fromEntries(askedFor(launch, base));
  const env = { KEPT: "1", CHANGED: "2", NEW: "1" };
  assert.deepEqual(asked({ env, wholeEnv: true }), { CHANGED: "2", NEW: "1", GONE: undefined });
  assert.deepEqual(asked({ env: { ...env, GONE: null } }), { KEPT: "1", CHANGED: "2", NEW: "1", GONE: undefined });
  assert.deepEqual(asked({}), {});
  assert.deepEqual(baseAfter({ env, wholeEnv: true }, base), env);
  assert.deepEqual(baseAfter({ env: { GONE: null, NEW: "1" } }, base), {
    KEPT: "1",
    CHANGED: "1",
    NEW: "1",
    CRIU_AWARE_PID: "7",
  });
});

test("a name such as __proto__ is a variable like any other, and changes no prototype", () => {
  const env = JSON.parse('{"__proto__":"1","constructor":"2"}');
  assert.deepEqual([...askedFor({ env, wholeEnv: true }, {}).keys()], ["__proto__", "constructor"]);
  assert.equal(Object.getPrototypeOf(baseAfter({ env }, {})), Object.prototype);
});

test("the launch is there for every hook and the agent, and says what was and what is", async () => {
  process.env.LAUNCH_A = "old";
  await using agent = await attach();
  const seen: unknown[] = [];
  agent.register({ name: "app", afterRestore: ({ launch }) => void seen.push(launch, process.env.LAUNCH_A) });
  agent.register(environment());
  const argv = process.argv.slice(2);
  const launched = (): Launch => agent.launch ?? {};
  assert.deepEqual(launched(), {});
  await agent.checkpoint({ launch: { env: { LAUNCH_A: "new" }, args: ["--port", "1"], values: { key: "value" } } });
  assert.equal(seen[0], agent.launch);
  assert.equal(seen[1], "new");
  const { changes, values } = launched();
  assert.deepEqual(changes?.env, { LAUNCH_A: { was: "old", is: "new" } });
  assert.deepEqual(changes?.args, { was: argv, is: ["--port", "1"] });
  assert.deepEqual([values, process.argv.slice(2), changes?.cwd], [{ key: "value" }, ["--port", "1"], undefined]);
  await agent.checkpoint({ launch: { args: argv } });
  assert.deepEqual([process.argv.slice(2), launched().values], [argv, undefined]);
  assert.deepEqual(agent.lastErrors, []);
});

test("after any other outcome nothing changes", async () => {
  await using agent = await attach({ resources: [environment()] });
  for (const outcome of ["continued", "aborted"] as const) {
    await agent.checkpoint({ outcome, launch: { env: { LAUNCH_B: "new" } } });
    assert.deepEqual([process.env.LAUNCH_B, agent.launch], [undefined, undefined]);
  }
});

test("immutable variables keep their value, and are named", async () => {
  process.env.LAUNCH_C = "old";
  await using agent = await attach({ resources: [environment({ immutable: ["LAUNCH_C", "LAUNCH_D"] })] });
  await agent.checkpoint({ launch: { env: { LAUNCH_C: "new", LAUNCH_D: null, LAUNCH_E: "new" } } });
  assert.deepEqual([process.env.LAUNCH_C, process.env.LAUNCH_E], ["old", "new"]);
  assert.deepEqual(agent.launch?.changes?.kept, ["LAUNCH_C"]);
});

test("the time zone is that of TZ, and without one that of the system", async () => {
  const zone = (): string => new Intl.DateTimeFormat().resolvedOptions().timeZone;
  const ofSystem = zone();
  await using agent = await attach({ resources: [environment()] });
  await agent.checkpoint({ launch: { env: { TZ: "Asia/Tokyo" } } });
  assert.deepEqual([zone(), new Date(0).getHours()], ["Asia/Tokyo", 9]);
  assert.deepEqual(agent.launch?.changes?.timeZone, { was: ofSystem, is: "Asia/Tokyo" });
  await agent.checkpoint({ launch: { env: { TZ: null } } });
  assert.notEqual(zone(), "Asia/Tokyo");
});

test("a directory that is not there is an error that names it, and all else is renewed", async () => {
  await using agent = await attach({ resources: [environment()], onError: () => {} });
  const cwd = process.cwd();
  await agent.checkpoint({ launch: { cwd: "/nowhere/at/all", env: { LAUNCH_F: "new" } } });
  assert.match(agent.lastErrors[0]?.message ?? "", /environment: Cannot make \/nowhere\/at\/all the working directory/);
  assert.deepEqual([process.env.LAUNCH_F, process.cwd()], ["new", cwd]);
  using directory = temporaryDirectory();
  mkdirSync(join(directory.path, "below"));
  await agent.checkpoint({ launch: { cwd: join(directory.path, "below") } });
  assert.match(process.cwd(), /below$/);
  assert.equal(agent.launch?.changes?.cwd?.was, cwd);
  process.chdir(cwd);
});

test("names that no variable can have, and a gate of too many, are errors at once", () => {
  for (const name of ["", "A=B", "A\0B"]) {
    assert.throws(() => environment({ immutable: [name] }), RangeError);
    assert.throws(() => environment({ envGate: [name] }), /envGate must hold names of environment variables/);
  }
  assert.throws(() => environment({ envGate: Array.from({ length: 65 }, (_, i) => `N${i}`) }), /may have 64/);
});

test("with audit every variable that was read and has another value is named with who read it, once, without its value", () => {
  using directory = temporaryDirectory();
  const root = join(import.meta.dirname as string, "../../..");
  const path = join(directory.path, "audit.ts");
  writeFileSync(
    path,
    `import { environment } from "${root}/resources/environment/mod.ts";
     import { attach } from "${root}/simulate.ts";
     const agent = await attach({ resources: [environment({ audit: true })] });
     function configure() { return [process.env.READ, process.env.READ, "PRESENT" in process.env]; }
     configure();
     const copied = { ...process.env };
     await agent.checkpoint({ launch: { env: { READ: "s3cret", PRESENT: "s3cret", COPIED: "s3cret", UNREAD: "s3cret" } } });
     await agent.checkpoint({ launch: { env: { READ: "other" } } });
     const inherited = Object.keys(process.env).includes("READ") && process.env.READ === "other";
     console.log(inherited, copied.COPIED, JSON.stringify(process.env).includes("s3cret"));`,
  );
  const env = { ...before, READ: "1", PRESENT: "1", COPIED: "1", UNREAD: "1" };
  for (const runtime of runtimes) {
    const [program = "", ...args] = runCommand[runtime];
    const config = runtime === "deno" ? [`--config=${join(root, "deno.json")}`] : [];
    const options = { encoding: "utf8", env: env as NodeJS.ProcessEnv } as const;
    const { stdout, stderr } = spawnSync(program, [...args, ...config, path], options);
    assert.equal(stdout, "true 1 true\n", stderr);
    const named = [...stderr.matchAll(/criu-aware: (\w+) has another value/g)].map(([, name]) => name);
    assert.deepEqual(named, ["READ", "PRESENT"], stderr);
    assert.match(stderr, /first:\n *at configure .*audit\.ts:\d/);
    assert.doesNotMatch(stderr, /s3cret/);
  }
});

test("Bun.spawn gives children the new environment, keeps what its caller says, and looks as before", {
  skip: !("Bun" in globalThis),
}, async () => {
  const shape = (): unknown[] => [
    Bun.spawn.name,
    Bun.spawn.length,
    "prototype" in Bun.spawn,
    Bun.spawnSync.length,
    Object.getOwnPropertyDescriptor(Bun, "spawn")?.enumerable,
  ];
  const old = shape();
  await using agent = await attach({ resources: [environment()] });
  await agent.checkpoint({ launch: { env: { LAUNCH_G: "new" } } });
  assert.deepEqual(shape(), old);
  const { spawn, spawnSync: spawnedSync } = Bun;
  const said = (stdout: Buffer): string => stdout.toString().trim();
  assert.equal(said(Bun.spawnSync(["printenv", "LAUNCH_G"]).stdout), "new");
  assert.equal(said(spawnedSync({ cmd: ["printenv", "LAUNCH_G"] }).stdout), "new");
  assert.equal(said(Bun.spawnSync(["printenv", "LAUNCH_G"], { env: { LAUNCH_G: "own" } }).stdout), "own");
  assert.equal(await new Response(spawn(["printenv", "LAUNCH_G"]).stdout).text(), "new\n");
  assert.throws(() => Bun.spawn([]), TypeError);
  assert.equal(execFileSync("printenv", ["LAUNCH_G"], { encoding: "utf8" }), "new\n");
});
