/** Nothing that somebody else has named drives the terminal, or forges a line, of who runs a command. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { runCli } from "../../support/cli.ts";
import { hostile, inLog, openScene, type Scene } from "../../support/hostile_scene.ts";
import type { RuntimeName } from "../../support/runtimes.ts";

const runtime: RuntimeName = "Deno" in globalThis ? "deno" : "bun";
/** All but our own newlines and tabs: ffi/printable.ts says what else is unsafe, this is written anew. */
const unsafe = /[^\P{C}\n\t]|[\u2028\u2029]/u;

type Call = readonly [about: string, args: (scene: Scene) => (string | number)[], says: RegExp];

/** Calls of every command, and what each must say for the case to mean anything. */
const groups: Readonly<Record<string, readonly Call[]>> = {
  "apps and processes": [
    ["status", () => ["status"], /pid/],
    ["status of one", ({ app }) => ["status", app.pid], /resources/],
    ["inspect", ({ holder }) => ["inspect", holder], /a file lock|"kind":"lock"/],
    ["simulate, refused", ({ app }) => ["simulate", app.pid], /is refused/],
    ["notify, refused", ({ app }) => ["notify", app.pid, "--", "true"], /is refused/],
    ["notify --id", ({ app }) => ["notify", app.pid, "--id", hostile], /must be 1 to 36/],
  ],
  "dumps and restores": [
    [
      "dump that fails",
      (s) => ["dump", s.holder, "--unaware", "-D", join(s.directory, "new"), ...fake(s)],
      /failed|not empty|root/,
    ],
    ["dump of no process", ({ directory }) => ["dump", 4194300, "-D", directory], /no process|not empty|root|CRIU/],
    ["restore that does not fit", (s) => ["restore", s.images, ...fake(s)], /Cannot restore|root/],
    ["restore that is forced", (s) => ["restore", s.images, "--force=file,arch,program", ...fake(s)], /failed|root/],
    ["restore of a broken manifest", (s) => ["restore", s.brokenImages, ...fake(s)], /version|root/],
    ["restore of nothing", (s) => ["restore", join(s.directory, "none"), ...fake(s)], /no image|root/],
  ],
  images: [
    ["images", ({ images }) => ["images", images], /parent|"processes"/],
    ["images --find", ({ images }) => ["images", images, "--find", "a needle"], /1 time|"count":1/],
    ["images compared", ({ images, otherImages }) => ["images", images, otherImages], /executable/],
    ["images that are broken", ({ brokenImages }) => ["images", brokenImages], /truncated/],
    ["images that are missing", ({ directory }) => ["images", join(directory, "none")], /holds no finished dump/],
    ["images, nothing to search in", (s) => ["images", join(s.directory, "none"), "--find", "x"], /is missing/],
  ],
  "states and programs": [
    ["state", ({ state }) => ["state", state], /F32/],
    ["state that is broken", ({ brokenState }) => ["state", brokenState], /Cannot read/],
    ["state that is missing", ({ directory }) => ["state", join(directory, "none")], /There is no file/],
    ["state --export", (s) => ["state", s.state, "--export", join(s.directory, "to")], /Written to|"newest"/],
    ["state --export nowhere", (s) => ["state", s.state, "--export", join(s.directory, "no/to")], /ENOENT|no such/i],
    ["doctor", ({ criu }) => ["doctor", "--criu", criu], /criu/],
    ["run of no program", ({ directory }) => ["run", "--log", "/dev/null", join(directory, "none")], /Cannot start/],
    ["run with a log nowhere", (s) => ["run", "--log", join(s.directory, "no/log"), "true"], /Cannot open the log/],
    [
      "run of a program that ends",
      (s) => [
        "run",
        "--wait",
        "--log",
        join(s.directory, "log"),
        "--",
        "sh",
        "-c",
        'printf %s "$1"; exit 3',
        "sh",
        inLog,
      ],
      /exit code 3/,
    ],
    [
      "run --restore-or-start",
      (s) => ["run", "--log", join(s.directory, "log"), "--restore-or-start", join(s.directory, "none"), "true"],
      /there is no image/,
    ],
  ],
  "the hook": [
    [
      "hook install --dry-run",
      ({ directory }) => ["hook", "install", "--dry-run", "--dir", directory],
      /configuration cannot name/,
    ],
    ["hook install", ({ directory }) => ["hook", "install", "--dir", directory], /configuration cannot name/],
    ["hook uninstall", ({ directory }) => ["hook", "uninstall", "--dir", directory], /default\.conf/],
  ],
  "what is given wrong": [
    ["completion", () => ["completion", hostile], /completion|shell/i],
    ["complete", () => ["complete", "--", "dump", hostile], /./],
    ["a command that is none", () => [hostile], /unknown command/],
    ["an option that is none", () => ["dump", "1", "-D", "x", `--${hostile}`], /unknown option/],
    ["an argument that is wrong", () => ["dump", hostile, "-D", "x"], /is invalid/],
    ["a choice that is none", () => ["dump", 1, "-D", "x", "--engine", hostile], /Allowed choices/],
    ["a label that is none", () => ["dump", 1, "-D", "x", "--label", hostile], /name=value/],
    [
      "an option of CRIU that is none",
      () => ["dump", 1, "-D", "x", "--criu-option", `--${hostile}`],
      /Cannot use these options/,
    ],
    ["a value of CRIU that is wrong", () => ["dump", 1, "-D", "x", "--criu-option", `--timeout=${hostile}`], /must be/],
  ],
};

function fake({ criu }: Scene): string[] {
  return ["--engine", "command", "--criu", criu];
}

for (const [group, calls] of Object.entries(groups)) {
  test(`${group}: no name of somebody else's drives a terminal, turns text around or forges a line`, async () => {
    await using scene = await openScene(runtime);
    const wrong: string[] = [];
    // In order: some stand on what others did.
    for (const [about, argsOf, says] of calls) {
      for (const json of [false, true]) {
        const args = argsOf(scene);
        const { out, err } = await runCli(runtime, json ? withJson(args) : args);
        const text = `${out}\n${err}`;
        const isSafe = !unsafe.test(text) && !/^\s*FO/m.test(text);
        if (!isSafe || !says.test(text) || (json && !isJson(out, about)))
          wrong.push(`${about}: ${JSON.stringify(text)}`);
      }
    }
    assert.deepEqual(wrong, []);
  });
}

/** Before the program of `run`, and before what follows a "--". */
function withJson(args: readonly (string | number)[]): (string | number)[] {
  if (/^complet/.test(String(args[0]))) return [...args];
  return args[0] === "hook" ? args.toSpliced(2, 0, "--json") : args.toSpliced(1, 0, "--json");
}

/** Whether it is one value; completion is for shells. */
function isJson(out: string, about: string): boolean {
  try {
    return /^complet/.test(about) || JSON.parse(out) !== undefined;
  } catch {
    return false;
  }
}

test("with --json a name stays exactly what it is, for programs", async () => {
  await using scene = await openScene(runtime);
  const inspected = JSON.parse((await runCli(runtime, ["inspect", scene.holder, "--json"])).out);
  const locks = inspected.blockers.filter(({ kind }: { kind: string }) => kind === "lock");
  assert.equal(locks[0]?.who, join(scene.directory, `locked${hostile}`));
  const { slots } = JSON.parse((await runCli(runtime, ["state", scene.state, "--json"])).out);
  assert.equal(slots[0].state.tensors[0].name, hostile);
  assert.deepEqual(slots[0].state.metadata, { [hostile]: hostile });
  assert.equal(slots[0].path, scene.state);
  const { processes } = JSON.parse((await runCli(runtime, ["images", scene.images, "--json"])).out);
  assert.equal(processes[0].executable.path, `/opt/${hostile}`);
});
