import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { checkout, commandLine, rootCommandLine, type Surroundings } from "../../../package/invocation.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

const installed: Surroundings = {
  base: "file:///home/alice/app/node_modules/criu-aware/",
  runtime: "bun",
  execPath: "/home/alice/.bun/bin/bun",
  cwd: "/home/alice/app",
  env: { PATH: "/nonexistent:/home/alice/app/node_modules/.bin" },
  isRoot: false,
};
const setup = (surroundings: Partial<Surroundings>): string =>
  commandLine(["setup"], { ...installed, ...surroundings });

test("the command is named as it is typed where the package comes from", () => {
  assert.equal(setup({}), "bunx criu-aware setup");
  assert.equal(setup({ env: { ...installed.env, npm_lifecycle_event: "npx" } }), "npx criu-aware setup");
  assert.equal(setup({ runtime: "deno" }), "deno run -A npm:criu-aware setup");
  const jsr = { runtime: "deno", base: "https://jsr.io/@criu-aware/criu-aware/0.1.0/" } as const;
  assert.equal(setup(jsr), "deno run -A jsr:@criu-aware/criu-aware/cli setup");
  const other = { runtime: "deno", base: "http://127.0.0.1:8000/a b/" } as const;
  assert.equal(setup(other), "deno run -A 'http://127.0.0.1:8000/a b/cli.ts' setup");
  // In a bundle nothing says where it came from.
  assert.equal(setup({ base: "file:///srv/" }), "bunx criu-aware setup");
  assert.equal(setup({ base: "file:///srv/", runtime: "deno" }), setup(jsr));
});

test("the command that is on the PATH is named by its name, and what a package manager put there does not count", () => {
  using directory = temporaryDirectory();
  const bin = join(directory.path, "node_modules/.bin");
  mkdirSync(bin, { recursive: true });
  writeFileSync(join(bin, "criu-aware"), "#!/bin/sh\n", { mode: 0o755 });
  assert.equal(setup({ env: { PATH: bin } }), "bunx criu-aware setup");
  symlinkSync(join(bin, "criu-aware"), join(directory.path, "criu-aware"));
  assert.equal(setup({ env: { PATH: `${bin}:${directory.path}` } }), "criu-aware setup");
});

test("in a checkout the set-up is a script of npm, from wherever it is called, and others run cli.ts", () => {
  using directory = temporaryDirectory();
  const root = directory.path;
  const here = { ...installed, base: pathToFileURL(`${root}/`).href, cwd: root };
  assert.equal(checkout(here.base), undefined);
  writeFileSync(join(root, "package-lock.json"), JSON.stringify({ name: "another" }));
  assert.equal(checkout(here.base), undefined);
  writeFileSync(join(root, "package-lock.json"), JSON.stringify({ name: "criu-aware" }));
  assert.equal(checkout(here.base), root);
  assert.equal(commandLine(["setup"], here), "npm run setup");
  assert.equal(commandLine(["setup", "--check"], here), "npm run setup -- --check");
  assert.equal(commandLine(["setup"], { ...here, cwd: "/" }), `npm --prefix ${root} run setup`);
  assert.equal(commandLine(["doctor"], here), "/home/alice/.bun/bin/bun cli.ts doctor");
  writeFileSync(join(root, "deno"), "", { mode: 0o755 });
  const deno = { ...here, runtime: "deno", cwd: "/", env: { PATH: root } } as const;
  assert.equal(commandLine(["doctor"], deno), `deno run -A ${root}/cli.ts doctor`);
});

test("what takes root is named with sudo, which gets the user's PATH where it needs it", () => {
  assert.equal(rootCommandLine(["doctor"], installed), 'sudo env "PATH=$PATH" bunx criu-aware doctor');
  assert.equal(rootCommandLine(["doctor"], { ...installed, isRoot: true }), "bunx criu-aware doctor");
});
