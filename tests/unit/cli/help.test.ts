/** What every subcommand says of itself, and that its examples are right. */
import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Command } from "commander";
import { createProgram } from "../../../cli/program.ts";
import { version } from "../../../package/version.ts";
import { startProgram } from "../../support/child.ts";
import { cli, runCli } from "../../support/cli.ts";
import { type RuntimeName, runCommand } from "../../support/runtimes.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

const runtime: RuntimeName = "Deno" in globalThis ? "deno" : "bun";
const names: string[][] = [
  ["run"],
  ["dump"],
  ["restore"],
  ["status"],
  ["inspect"],
  ["images"],
  ["state"],
  ["simulate"],
  ["notify"],
  ["doctor"],
  ["setup"],
  ["hook"],
  ["hook", "install"],
  ["hook", "uninstall"],
  ["hook", "print"],
  ["completion"],
  ["help"],
];

test("the help names every subcommand and the exit codes, in 80 columns", async () => {
  const { code, out } = await runCli(runtime, ["--help"]);
  assert.equal(code, 0);
  for (const [name] of names) assert.match(out, new RegExp(`^  ${name} +\\w`, "m"));
  assert.match(out, /Exit codes:\n {2}0 /);
  assert.deepEqual(tooWide(out), []);
  const listed = (await createProgram()).commands.map((command) => command.name());
  const known = new Set(names.map(([name]) => name));
  assert.deepEqual(
    listed.filter((name) => name !== "complete" && !known.has(name)),
    [],
  );
});

test("the help of each subcommand has examples that it would take itself, in 80 columns", async () => {
  const helps = await Promise.all(names.map((name) => runCli(runtime, [...name, "--help"])));
  for (const [i, { code, out }] of helps.entries()) {
    const name = String(names[i]?.join(" "));
    assert.equal(code, 0, name);
    const examples = (/^Examples:\n((?: {2}.*\n?)+)/m.exec(out)?.[1] ?? "").trimEnd().split("\n");
    assert.ok(examples.length >= 2, `${name}: ${out}`);
    for (const example of examples) {
      if (!/criu-aware/.test(example)) assert.fail(`${name}: ${example}`);
      await parses(example);
    }
    assert.deepEqual(tooWide(out), []);
  }
});

test("the help of completion says how its command comes on the PATH", async () => {
  const { out } = await runCli(runtime, ["completion", "--help"]);
  assert.match(out, /on the PATH.*\n.*\n {2}bun add -g criu-aware\n {2}deno install -gA -n criu-aware jsr:/);
});

test("help shows what --help shows, of the program and of a command", async () => {
  for (const name of [[], ["dump"], ["hook"], ["hook", "install"]]) {
    const [asked, flag] = await Promise.all([runCli(runtime, ["help", ...name]), runCli(runtime, [...name, "--help"])]);
    assert.equal(asked.code, 0);
    assert.equal(asked.out, flag.out, name.join(" "));
  }
});

test("the version has three flags; without arguments the help comes on stderr, exit code 2", async () => {
  const versions = await Promise.all(["-v", "-V", "--version"].map((flag) => runCli(runtime, [flag])));
  for (const { code, out } of versions) assert.deepEqual([code, out], [0, version]);
  for (const args of [[], ["hook"]]) {
    const { code, out, err } = await runCli(runtime, args);
    assert.deepEqual([code, out], [2, ""]);
    assert.match(err, /^Usage: criu-aware/);
  }
});

test("a reader that has seen enough of the help ends it without an error", async () => {
  const command = [...runCommand[runtime], cli, "help"];
  const { code, stdout, stderr } = await startProgram("sh", ["-c", '"$@" | head -1', "sh", ...command]).ended;
  assert.deepEqual([code, stdout, stderr], [0, "Usage: criu-aware <command> [options]\n", ""]);
});

test("wrong usage is one line that says how to get help, exit code 2, and with --json a value", async () => {
  const cases: [args: string[], message: RegExp][] = [
    [["dumb"], /^criu-aware: unknown command 'dumb' \(Did you mean dump\?\) Run: criu-aware --help$/],
    [
      ["dump", "1"],
      /^criu-aware dump: required option '-D, --images-dir <dir>' not specified\. Run: criu-aware dump --help$/,
    ],
    [["dump", "x", "-D", "y"], /^criu-aware dump: .*'x' is invalid.*It must be a positive whole number\. Run: /],
    [["dump", "1", "-D", "y", "--label", "x"], /name=value/],
    [["dump", "1", "-D", "y", "--engine", "x"], /Allowed choices are rpc, command/],
    [
      ["dump", "1", "-D", "y", "--criu-option", "--no-such"],
      /^criu-aware dump: Cannot use these options of CRIU: .*--no-such/,
    ],
    [["hook", "instal"], /^criu-aware hook: unknown command 'instal' \(Did you mean install\?\)/],
    [["dump", "1", "-D", "y", "--leave-runing"], /unknown option '--leave-runing' \(Did you mean --leave-running\?\)/],
    [["dump", "1", "-D", "y", "--tcp-close"], /'--tcp-close'\. To pass it to CRIU: --criu-option --tcp-close\. Run/],
    [["restore", "-D", "y"], /unknown option '-D'\. Name the directory without it\. Run: criu-aware restore --help$/],
    [["help", "statuss"], /^criu-aware: unknown command 'statuss' \(Did you mean status\?\)/],
    [["help", "dump", "it"], /^criu-aware dump: 'dump' has no commands of its own\./],
    [["status", "4194300"], /^criu-aware status: Process 4194300 is not attached: there is none with that pid\.$/],
    [["run"], /^criu-aware run: missing required argument 'command'/],
    [["run", "--", "/no/such/program"], /^criu-aware run: Cannot start \/no\/such\/program: /],
    [["run", "--log", "/no/such/log", "--", "true"], /^criu-aware run: Cannot open the log: .* --log FILE$/],
  ];
  await Promise.all(
    cases.map(async ([args, message]) => {
      const log = args[0] === "run" && !args.includes("--log") ? ["run", "--log", "/dev/null", ...args.slice(1)] : args;
      const text = await runCli(runtime, log);
      assert.equal(text.code, 2, `${args}: ${text.err}`);
      assert.match(text.err, message);
      assert.equal(text.err.split("\n").length, 1, text.err);
      assert.equal(text.out, "");
      if (["dumb", "help"].includes(args[0] as string) || args[1] === "instal") return;
      const json = await runCli(runtime, [log[0] as string, "--json", ...log.slice(1)]);
      const { error } = JSON.parse(json.out);
      assert.equal(error.exitCode, 2);
      assert.equal(json.code, 2);
    }),
  );
});

test("run of a script without a runtime says what was meant, and leaves no log behind", async () => {
  using directory = temporaryDirectory();
  const at = (name: string): string => join(directory.path, name);
  writeFileSync(at("app.ts"), "");
  writeFileSync(at("notes"), "");
  writeFileSync(at("tool"), "#!/bin/sh\n", { mode: 0o755 });
  const meant = runtime === "bun" ? "bun" : "deno run -A";
  const cases: [words: string[], message: string][] = [
    [["app.ts", "a b"], `Cannot start app.ts: it is no program. Did you mean: ${meant} app.ts 'a b'`],
    [["./app.ts"], `Cannot start ./app.ts: it is no program. Did you mean: ${meant} ./app.ts`],
    [["./notes"], "Cannot start ./notes: it is not executable: chmod +x ./notes"],
    [["tool"], "Cannot start tool: it is not on the PATH. Did you mean: ./tool"],
    [["none"], "Cannot start none: there is no such program"],
  ];
  const shell = ["-c", 'cd "$1" && shift && exec "$@"', "sh", directory.path, ...runCommand[runtime], cli, "run"];
  for (const [words, message] of cases) {
    for (const flags of [["--wait"], ["--foreground", "--log", "log"]]) {
      const { code, stderr } = await startProgram("sh", [...shell, ...flags, "--", ...words]).ended;
      assert.deepEqual([code, stderr.trim()], [2, `criu-aware run: ${message}`]);
    }
  }
  assert.deepEqual(readdirSync(directory.path).sort(), ["app.ts", "notes", "tool"]);
});

test("no colours where there is no terminal", async () => {
  const { out } = await runCli(runtime, ["hook", "install", "--dry-run"], { FORCE_COLOR: "1" });
  assert.doesNotMatch(out, new RegExp(String.fromCharCode(27)));
});

function tooWide(text: string): string[] {
  return text.split("\n").filter((line) => line.length > 80);
}

/** Parses the part of a line that calls `criu-aware`, without running it. */
async function parses(line: string): Promise<void> {
  const call = /criu-aware( [^)|<>;]*)?/.exec(line)?.[1]?.trim() ?? "";
  const words = [...call.matchAll(/'([^']*)'|\S+/g)].map(([word, quoted]) => quoted ?? word.replace(/\$\w+/, "1"));
  const program = await createProgram();
  const ran: string[] = [];
  for (const command of leaves(program)) command.action(() => void ran.push(command.name()));
  program.parse(words, { from: "user" });
  assert.equal(ran.length, 1, line);
}

function leaves(command: Command): Command[] {
  return command.commands.length === 0 ? [command] : command.commands.flatMap(leaves);
}
