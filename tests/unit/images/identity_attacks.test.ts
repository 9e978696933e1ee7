/** A hostile program names files for root to look at. */
import assert from "node:assert/strict";
import { chmodSync, chownSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { absoluteDepends } from "../../../images/identity/depends.ts";
import { parseSettings } from "../../../images/identity/settings.ts";
import { describeProgram, type Program } from "../../../images/mod.ts";
import { type Child, startProgram } from "../../support/child.ts";
import { countOpens } from "../../support/impostor.ts";
import { asNobody, NOBODY, noNobody } from "../../support/nobody.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

/** A shell that waits, with these words on its command line, of the user `nobody` where root tests. */
function startNaming(words: readonly string[], cwd = "/", env: Record<string, string> = {}): Child {
  const [command = "", ...args] = [
    ...(noNobody ? [] : ["setpriv", ...asNobody]),
    ...["sh", "-c", "echo started; read -r line </dev/zero; while :; do sleep 1; done", "sh", ...words],
  ];
  return startProgram(command, args, env, cwd);
}

async function describe({ pid, nextLine }: Child): Promise<Program> {
  await nextLine();
  const program = describeProgram([pid]);
  assert.ok(program?.files);
  return program;
}

test("of a file that the users of a program could not read, no digest is told", { skip: noNobody }, async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  const modes = { "secret.js": 0o600, "group.js": 0o640, "public.js": 0o644, "own.js": 0o600, "imported.js": 0o600 };
  for (const [name, mode] of Object.entries(modes)) {
    writeFileSync(join(path, name), `import ${JSON.stringify(join(path, "imported.js"))}; // ${name}\n`, { mode });
    chmodSync(join(path, name), mode);
  }
  chownSync(join(path, "own.js"), NOBODY, NOBODY);
  await using child = startNaming(Object.keys(modes).map((name) => join(path, name)));
  const { files = [] } = await describe(child);
  const digested = files.filter(({ sha256, path: file }) => sha256 && file.startsWith(path));
  assert.deepEqual(digested.map(({ path: file }) => file.slice(path.length + 1)).sort(), ["own.js", "public.js"]);
  assert.ok(files.some((file) => file.path.endsWith("/secret.js") && file.modifiedAt));
});

test("what is no regular file of a disk is not opened, whatever it is called", async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  chmodSync(path, 0o755);
  const kernel = ["/sys/kernel/mm/transparent_hugepage/enabled", "/sys/kernel/notes", "/proc/self/status"];
  const targets: Record<string, string> = { zero: "/dev/zero", loop: join(path, "loop.js") };
  for (const [i, file] of kernel.filter((file) => existsSync(file)).entries()) targets[`kernel${i}`] = file;
  for (const [name, target] of Object.entries(targets)) symlinkSync(target, join(path, `${name}.js`));
  const { execFileSync } = await import("node:child_process");
  execFileSync("mkfifo", [join(path, "package.json"), join(path, "fifo.js")]);
  mkdirSync(join(path, "tsconfig.json"));
  writeFileSync(
    join(path, "app.js"),
    `import "./fifo.js"; import "./zero.js"; import "./kernel0.js"; import "./loop.js"\n`,
  );
  await using child = startNaming(
    ["app.js", ...Object.keys(targets).map((name) => `${name}.js`), "x".repeat(5000)],
    path,
  );
  const { files = [] } = await describe(child);
  assert.deepEqual(
    files.filter((file) => file.path.startsWith(path) && file.sha256).map((file) => file.path),
    [join(path, "app.js")],
  );
});

test("what is no regular file is no file that a program depends on: it is refused by its name, and left out of a pattern", async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  chmodSync(path, 0o755);
  mkdirSync(join(path, "data"));
  const { execFileSync } = await import("node:child_process");
  execFileSync("mkfifo", [join(path, "data/fifo")]);
  symlinkSync("/dev/zero", join(path, "data/zero"));
  symlinkSync("/nonexistent", join(path, "data/nothing"));
  symlinkSync(".", join(path, "data/loop"));
  writeFileSync(join(path, "data/file"), "content");
  for (const name of [join(path, "data/fifo"), join(path, "data/zero"), "/dev/null"]) {
    assert.throws(() => absoluteDepends([name]), /^RangeError: \S+ is neither a file nor a directory$/);
  }
  assert.throws(() => absoluteDepends([join(path, "data/nothing")]), /^RangeError: There is no file /);
  await using child = startNaming([]);
  await child.nextLine();
  using opens = await countOpens(join(path, "data/fifo"));
  const depends = absoluteDepends([join(path, "data"), join(path, "*/fifo"), join(path, "{data,none}/zero")]);
  const { files = [] } = describeProgram([child.pid], { depends }) ?? {};
  const found = files.filter((file) => file.path.startsWith(path) && !file.path.includes("/loop/"));
  assert.deepEqual(
    found.map((file) => file.path),
    [join(path, "data/file")],
  );
  assert.equal(opens.count(), 0);
});

test("names of modules without number are looked for to some number only", async () => {
  using directory = temporaryDirectory();
  const { path } = directory;
  chmodSync(path, 0o755);
  const names = Array.from({ length: 10_000 }, (_, i) => `import "p${i}";`);
  writeFileSync(join(path, "app.js"), `import "./first.js"; ${names.join("")} import "./last.js"`);
  for (const name of ["first.js", "last.js"]) writeFileSync(join(path, name), "");
  await using child = startNaming(["app.js"], path);
  const { files = [] } = await describe(child);
  const found = files.filter((file) => file.path.startsWith(path)).map((file) => file.path.slice(path.length + 1));
  assert.deepEqual(found.sort(), ["app.js", "first.js"]);
});

test("no text of settings keeps its reader busy: it is gone through once", () => {
  for (const text of ["from'\"`", "/*", '"\\', ", ", '{"":']) {
    for (const whole of [text.repeat(2 ** 19 / text.length), text + " ".repeat(2 ** 19)]) {
      assert.deepEqual(parseSettings(whole), {});
    }
  }
  const odd = `{ // "
    "a": "b,]}//\\" /*", /* , */ "list": [1, /* "x */ 2 , // end
    ], "inner": {"c": 1,}, }`;
  assert.deepEqual(parseSettings(odd), { a: 'b,]}//" /*', list: [1, 2], inner: { c: 1 } });
});

test("a command line of megabytes is not kept, and the environment is never in it", async () => {
  await using child = startNaming(["x".repeat(100_000), ...Array<string>(11).fill("y".repeat(100_000))], "/", {
    SECRET: "value-of-the-environment",
  });
  const program = await describe(child);
  assert.equal(program.command, undefined);
  assert.doesNotMatch(JSON.stringify(program), /value-of-the-environment/);
  await using short = startNaming(["z"], "/", { SECRET: "value-of-the-environment" });
  const other = await describe(short);
  assert.equal(other.command?.at(-1), "z");
  assert.doesNotMatch(JSON.stringify(other), /value-of-the-environment/);
});
