/** What a shell offers while a command is typed: in the shell itself, where it is installed. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { App } from "../../support/app.ts";
import { startProgram } from "../../support/child.ts";
import { cli, runCli } from "../../support/cli.ts";
import { type RuntimeName, runCommand } from "../../support/runtimes.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary_directory.ts";

const runtime: RuntimeName = "Deno" in globalThis ? "deno" : "bun";
const shells = ["bash", "zsh", "fish"] as const;

const places = (process.env.PATH ?? "").split(":");
const lacks = (program: string): string | false =>
  !places.some((place) => existsSync(join(place, program))) && `there is no ${program} here`;

async function complete(...words: (string | number)[]): Promise<string[]> {
  const { code, out, err } = await runCli(runtime, ["complete", "--", ...words]);
  assert.equal(code, 0, err);
  return out.split("\n");
}

const words = (lines: readonly string[]): string[] => lines.slice(0, -1).map((line) => line.split("\t")[0] as string);

test("commands, their options, and the values of those are offered, with what they are", async () => {
  assert.ok((await complete("")).includes("dump\tdump a process tree; every attached process in it is told first"));
  assert.deepEqual(words(await complete("re")), ["restore"]);
  assert.deepEqual(words(await complete("hook", "in")), ["install"]);
  assert.deepEqual(words(await complete("dump", "--le")), ["--leave-running", "--lease-ms"]);
  assert.deepEqual(words(await complete("dump", "--engine", "")), ["rpc", "command"]);
  assert.deepEqual(words(await complete("dump", "--engine=c")), ["command"]);
  assert.deepEqual(words(await complete("dump", "--engine", "=", "r")), ["rpc"]);
  assert.deepEqual(words(await complete("completion", "")), [...shells]);
  assert.equal((await runCli(runtime, ["completion", "tcsh"])).code, 2);
});

test("directories are offered where one is wanted, files where one is, and nothing elsewhere", async () => {
  const cases: [words: string[], besides: string][] = [
    [["dump", "1", "-D", ""], ":directories"],
    [["dump", "1", "--images-dir="], ":directories"],
    [["restore", ""], ":directories"],
    [["images", "one", ""], ":directories"],
    [["restore", "images", "--trace", ""], ":files"],
    [["doctor", "--criu", ""], ":files"],
    [["run", ""], ":files"],
    [["run", "--", "bun", "--"], ":files"],
    [["dump", "1", "--label", ""], ":nothing"],
    [["status", "1", ""], ":nothing"],
    [["nonsense", ""], ":nothing"],
  ];
  for (const [typed, besides] of cases) assert.equal((await complete(...typed)).at(-1), besides, typed.join(" "));
});

test("the pids of attached processes are offered, each with its command line", async () => {
  await using app = await App.start(runtime);
  for (const name of ["dump", "status", "inspect", "state", "simulate", "notify"]) {
    const line = (await complete(name, String(app.pid))).find((one) => one.startsWith(`${app.pid}\t`));
    assert.match(String(line), /probe_app|bun|deno/, name);
  }
});

/** A directory with `criu-aware` in it, and the script of each shell. */
async function prepared(): Promise<TemporaryDirectory> {
  const directory = temporaryDirectory();
  const command = [...runCommand[runtime], cli].map((word) => `'${word}'`).join(" ");
  writeFileSync(join(directory.path, "criu-aware"), `#!/bin/sh\nexec ${command} "$@"\n`, { mode: 0o755 });
  mkdirSync(join(directory.path, "some-images"));
  for (const shell of shells) {
    const { code, out } = await runCli(runtime, ["completion", shell]);
    assert.equal(code, 0);
    writeFileSync(join(directory.path, `script.${shell}`), out);
  }
  return directory;
}

async function runIn(directory: string, shell: string, script: string): Promise<string> {
  const env = { PATH: `${directory}:${process.env.PATH}`, HOME: directory, HERE: directory };
  const { code, stdout, stderr } = await startProgram(shell, ["-c", `cd "$HERE"\n${script}`], env).ended;
  assert.equal(code, 0, stderr);
  assert.equal(stderr, "");
  return stdout;
}

test("in bash the script can be read twice, and evaluates nothing of what is typed", {
  skip: lacks("bash"),
}, async () => {
  using directory = await prepared();
  const out = await runIn(
    directory.path,
    "bash",
    `set -eu
. ./script.bash; . ./script.bash
compopt() { echo "$*"; }
try() {
  COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_TYPE=9
  _criu_aware criu-aware "\${!#}" before
  echo "\${COMPREPLY[*]-}"
}
try criu-aware du
try criu-aware dump --engine = ''
try criu-aware dump 1 -D ''
try criu-aware dump '$(touch evaluated)' '\`touch evaluated\`' --lea
complete -p criu-aware`,
  );
  assert.equal(
    out,
    "dump\nrpc command\n-o dirnames\n\n--leave-running  (the tree goes on after the dump) --lease-ms  (how long a ready app holds without a sign of life)\ncomplete -F _criu_aware criu-aware\n",
  );
  assert.equal(existsSync(join(directory.path, "evaluated")), false);
});

test("in fish the script can be read twice, and completes", { skip: lacks("fish") }, async () => {
  using directory = await prepared();
  const out = await runIn(
    directory.path,
    "fish",
    `source script.fish; source script.fish
complete -C 'criu-aware du'
complete -C 'criu-aware dump --engine=c'
complete -C 'criu-aware dump 1 -D som'`,
  );
  assert.equal(
    out,
    "dump\tdump a process tree; every attached process in it is told first\n--engine=command\nsome-images/\n",
  );
});

test("in zsh the script can be read twice", { skip: lacks("zsh") }, async () => {
  using directory = await prepared();
  const script = "autoload -Uz compinit; compinit -u; . ./script.zsh; . ./script.zsh; echo $_comps[criu-aware]";
  assert.equal(await runIn(directory.path, "zsh", script), "_criu_aware\n");
});
