/** What a program is, and when it is another one than that which was dumped. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import {
  chmodSync,
  mkdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { startedAt } from "../../../ffi/process.ts";
import { absoluteDepends } from "../../../images/identity/depends.ts";
import { describeProgram, type Manifest, misfitOf, type Program } from "../../../images/mod.ts";
import { end } from "../../support/child.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";
import { waitFor } from "../../support/time.ts";

const createdAt = "2026-01-31T12:03:00.000Z";

/** A project in a directory of its own, by the names of its files. */
class Project implements AsyncDisposable {
  readonly #directory = temporaryDirectory();
  readonly path = this.#directory.path;
  #child: ChildProcess | undefined;

  write(files: Readonly<Record<string, string>>): void {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.path, name)), { recursive: true });
      writeFileSync(join(this.path, name), text);
    }
  }

  /** Starts a command that waits. */
  async start(command: readonly string[]): Promise<number> {
    const [program = "", ...args] = command;
    this.#child = spawn(program, args, { cwd: this.path, stdio: "ignore" });
    const pid = this.#child.pid as number;
    // Until then it is this very process, or env(1).
    const shell = realpathSync("/bin/sh");
    const isThere = (): boolean => {
      const program = describeProgram([pid], { ownMounts: true });
      return program?.executable === shell && program.command?.at(-1) === args.at(-1);
    };
    // Twice: the first look may fall into the moment in which env(1) becomes the shell.
    for (const what of ["the program", "its command line"]) await waitFor(what, isThere);
    return pid;
  }

  /** Why it would not be restored; `describe` is what the dump says of the program. */
  misfit(
    program: Program,
    command: readonly string[],
    depends: readonly string[] = [],
    cwd: string = this.path,
  ): string {
    const wanted = { command, cwd, depends: depends.map((name) => join(this.path, name)) };
    const why = misfitOf({ program, createdAt } as unknown as Manifest, wanted) ?? "";
    assert.doesNotMatch(why, /\n/);
    return why;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child?.pid) await end(this.#child.pid);
    this.#directory[Symbol.dispose]();
  }
}

/** `sh` stands for a runtime: what counts are the words that it was started with. */
const wait = { "wait.sh": "read line </dev/zero; while :; do sleep 1; done\n" };
const command = ["sh", "wait.sh", "app.ts"];

async function described(project: Project, depends: readonly string[] = []): Promise<Program> {
  project.write(wait);
  const program = describeProgram([await project.start(command)], {
    depends: depends.map((name) => join(project.path, name)),
  });
  assert.ok(program);
  return JSON.parse(JSON.stringify(program));
}

test("a program is the same when its command, directory and files are", async () => {
  await using project = new Project();
  project.write({ "app.ts": "1" });
  const program = await described(project);
  assert.equal(project.misfit(program, command), "");
  assert.equal(project.misfit(program, ["/bin/sh", ...command.slice(1)]), "");
});

test("another program, other arguments and another directory are told", async () => {
  await using project = new Project();
  project.write({ "app.ts": "1", "other.ts": "1" });
  const program = await described(project);
  const { path } = project;
  assert.match(project.misfit(program, ["sleep", "1"]), /^another program: the dump is of \/.*, and this is \/.*sleep/);
  assert.match(
    project.misfit(program, ["sh", "wait.sh", "other.ts"]),
    /^other arguments: the dump is of "\S*sh wait\.sh app\.ts", and this is "sh wait\.sh other\.ts"$/,
  );
  assert.match(project.misfit(program, [...command, "--port"]), /^other arguments/);
  assert.equal(project.misfit(program, ["sh", "./wait.sh", join(path, "app.ts")]), "");
  assert.match(project.misfit(program, ["no-such-program"]), /^there is no program "no-such-program"$/);
  assert.equal(
    project.misfit(program, command, [], "/"),
    `another working directory: the dump is of ${path}, and this is /`,
  );
  assert.match(project.misfit({ ...program, executable: "/usr/bin/false" }, command), /^another program/);
  const name = join(path, "renamed");
  symlinkSync(program.executable, name);
  assert.match(project.misfit(program, [name, ...command.slice(1)]), /^another program/);
});

test("a file that was edited, has gone or leads elsewhere is told, with the time of the dump", async () => {
  await using project = new Project();
  project.write({
    "app.ts": `import { a } from "./lib/a.js"; await import("./b"); new Worker(new URL("./worker.ts", import.meta.url));`,
    "lib/a.ts": `export * from "../shared.ts";`,
    "shared.ts": "1",
    "b/index.ts": "1",
    "worker.ts": "1",
    "bun.lock": "1",
    "not-imported.ts": "1",
  });
  const program = await described(project);
  for (const name of ["app.ts", "lib/a.ts", "shared.ts", "b/index.ts", "worker.ts", "bun.lock", "wait.sh"]) {
    const { path } = project;
    renameSync(join(path, name), join(path, "kept"));
    assert.match(
      project.misfit(program, command),
      new RegExp(`^${name} is gone since the dump of 2026-01-31 \\d\\d:03$`),
    );
    writeFileSync(join(path, name), "2");
    assert.match(project.misfit(program, command), new RegExp(`^${name} has changed since the dump of `));
    rmSync(join(path, name));
    symlinkSync(join(path, "kept"), join(path, name));
    assert.match(project.misfit(program, command), new RegExp(`^${name} leads to another file, .*kept, since`));
    renameSync(join(path, "kept"), join(path, name));
    assert.equal(project.misfit(program, command), "");
  }
  project.write({ "not-imported.ts": "2" });
  assert.equal(project.misfit(program, command), "");
  project.write({ "app.ts": "2", "lib/a.ts": "2", "shared.ts": "2", "b/index.ts": "2", "worker.ts": "2" });
  assert.match(
    project.misfit(program, command),
    /^\S+ has changed, \S+ has changed, \S+ has changed and 2 more since the dump/,
  );
});

test("what an alias, a package or a workspace stands for is known, too", async () => {
  await using project = new Project();
  project.write({
    "app.ts": `import "@/aliased.ts"; import "#private"; import "~deno/x.ts"; import "plain/sub"; import "@my/linked";`,
    "tsconfig.json": `{ // a comment\n "compilerOptions": { "paths": { "@/*": ["./src/*"], } } }`,
    "src/aliased.ts": "1",
    "package.json": `{ "imports": { "#private": { "bun": "./private.ts" } } }`,
    "private.ts": "1",
    "deno.json": `{ "imports": { "~deno/": "./denos/" } }`,
    "denos/x.ts": "1",
    "node_modules/plain/package.json": `{ "version": "1.0.0" }`,
    "packages/linked/package.json": `{ "exports": { ".": { "import": "./main.ts" }, "./other": "./other.ts" } }`,
    "packages/linked/main.ts": "1",
    "packages/linked/other.ts": "1",
  });
  mkdirSync(join(project.path, "node_modules/@my"));
  symlinkSync("../../packages/linked", join(project.path, "node_modules/@my/linked"));
  const program = await described(project);
  const names = program.files?.map(({ path, real = path }) => real.replace(`${project.path}/`, "")) ?? [];
  for (const name of [
    "src/aliased.ts",
    "private.ts",
    "denos/x.ts",
    "node_modules/plain/package.json",
    "packages/linked/package.json",
    "packages/linked/main.ts",
    "tsconfig.json",
    "package.json",
    "deno.json",
  ]) {
    assert.ok(names.includes(name), `${name} is not among ${names.join(" ")}`);
  }
  assert.ok(!names.includes("packages/linked/other.ts"));
});

test("a script that is a link is known by where it leads", async () => {
  await using project = new Project();
  project.write({
    "one/main.ts": `import "./part.ts"`,
    "one/part.ts": "1",
    "two/main.ts": `import "./part.ts"`,
    "two/part.ts": "2",
  });
  symlinkSync("one/main.ts", join(project.path, "app.ts"));
  const program = await described(project);
  assert.equal(project.misfit(program, command), "");
  project.write({ "one/part.ts": "3" });
  assert.match(project.misfit(program, command), /^one\/part\.ts has changed/);
  project.write({ "one/part.ts": "1" });
  rmSync(join(project.path, "app.ts"));
  symlinkSync("two/main.ts", join(project.path, "app.ts"));
  assert.match(project.misfit(program, command), /^app\.ts leads to another file, .*two\/main\.ts, since/);
});

test("a script with #! is known as what its interpreter runs", async () => {
  for (const [name, line] of [
    ["direct", "#!/bin/sh"],
    ["env", "#!/usr/bin/env sh"],
  ] as const) {
    await using inner = new Project();
    inner.write({ [name]: `${line}\nwhile :; do sleep 1; done\n` });
    chmodSync(join(inner.path, name), 0o755);
    const program = describeProgram([await inner.start([`./${name}`, "word"])]) as Program;
    assert.equal(inner.misfit(program, [`./${name}`, "word"]), "");
    assert.match(inner.misfit(program, [`./${name}`, "another"]), /^other arguments/);
  }
});

test("a file that had changed before the dump, while the program ran, is told, though its time says that it is old", async () => {
  await using project = new Project();
  project.write({ ...wait, "app.ts": "1" });
  const pid = await project.start(command);
  await waitFor("time to pass", () => Date.now() > startedAt(pid) + 200);
  project.write({ "app.ts": "2" });
  utimesSync(join(project.path, "app.ts"), 1, 1);
  const program = describeProgram([pid]) as Program;
  assert.match(project.misfit(program, command), /^app\.ts had changed before the dump of .*, while the program ran$/);
  // One that was restored is younger than what it runs.
  await using later = new Project();
  later.write({ "app.ts": "1" });
  await described(later);
  const restored = describeProgram([pid], { runsSince: Date.now() - 3_600_000 }) as Program;
  assert.match(project.misfit(restored, command), /^(app\.ts, wait\.sh|wait\.sh, app\.ts) had changed before/);
});

test("files and patterns that the user names count as well, and a new one among them", async () => {
  await using project = new Project();
  project.write({ "app.ts": "1", "data/one.txt": "1", "data/deep/two.txt": "1", "config.yml": "1" });
  const program = await described(project, ["data/**/*.txt", "config.yml"]);
  assert.equal(project.misfit(program, command), "");
  project.write({ "config.yml": "2" });
  assert.match(project.misfit(program, command), /^config\.yml has changed/);
  project.write({ "config.yml": "1", "data/three.txt": "1" });
  assert.match(project.misfit(program, command), /^data\/three\.txt is new since the dump/);
  rmSync(join(project.path, "data/three.txt"));
  rmSync(join(project.path, "data/deep/two.txt"));
  assert.match(project.misfit(program, command), /^data\/deep\/two\.txt is gone/);
});

test("what only the start names must not be younger than the program that was dumped", async () => {
  await using project = new Project();
  project.write({ "app.ts": "1", "notes.txt": "1" });
  const program = await described(project);
  assert.equal(project.misfit(program, command, ["notes.txt"]), "");
  await waitFor("time to pass", () => Date.now() > program.startedAt + 200);
  project.write({ "notes.txt": "2" });
  assert.equal(project.misfit(program, command), "");
  assert.match(project.misfit(program, command, ["notes.txt"]), /^notes\.txt has changed/);
  // Files that the dump could not see, because the program had mounts of its own.
  const { files: _, ...blind } = program;
  project.write({ "app.ts": "2" });
  assert.match(project.misfit(blind, command), /^app\.ts has changed/);
});

test("a dump that does not say what it is of is no program's", async () => {
  await using project = new Project();
  const why = misfitOf({ createdAt } as unknown as Manifest, { command });
  assert.equal(why, "its manifest does not say which program it is of: dump again");
  project.write({ "app.ts": "1" });
  const { command: _, ...untitled } = await described(project);
  assert.match(project.misfit(untitled, command), /had written over its command line/);
});

test("of .env no digest is kept, and a change of it is seen", async () => {
  await using project = new Project();
  project.write({ "app.ts": "1", ".env": "TOKEN=secret" });
  const program = await described(project);
  const env = program.files?.find(({ path }) => path.endsWith("/.env"));
  assert.deepEqual([env?.sha256, env?.bytes], [undefined, 12]);
  project.write({ ".env": "TOKEN=other" });
  assert.match(project.misfit(program, command), /^\.env has changed/);
});

test("settings without an end, and a script of nothing but blanks, keep nobody waiting", async () => {
  await using project = new Project();
  project.write({
    "app.ts": `import "x"; import${" ".repeat(1e6)}`,
    "tsconfig.json": "/*".repeat(5e5),
    "package.json": "[".repeat(1e5),
  });
  const program = await described(project);
  assert.equal(project.misfit(program, command), "");
});

test("a file that the user names and that is not there is told at once; a directory stands for what is in it", () => {
  using directory = temporaryDirectory();
  assert.throws(() => absoluteDepends([join(directory.path, "none")]), /There is no file .*none/);
  assert.deepEqual(absoluteDepends([directory.path, join(directory.path, "*.x")]), [
    join(directory.path, "**/*"),
    join(directory.path, "*.x"),
  ]);
});
