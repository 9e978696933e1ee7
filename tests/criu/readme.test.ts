/** The lines of the README that show the command, run as they stand there. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { noCriu } from "../support/criu.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const root = join(import.meta.dirname as string, "../..");
const app = `
  import { attach } from "criu-aware";
  import { signal } from "criu-aware/strategies/signal";
  await attach({ strategies: [signal()] });
  setInterval(() => {}, 1000);
`;

/** The first block of shell after the heading. */
function linesBelow(heading: string): string[] {
  const text = readFileSync(join(root, "README.md"), "utf8");
  const [, block = ""] = /```sh\n([\s\S]*?)```/.exec(text.slice(text.indexOf(heading))) ?? [];
  return block.trim().split("\n");
}

test("the ten lines of the README work, one after the other", { skip: noCriu }, async () => {
  using directory = temporaryDirectory();
  const bin = join(directory.path, "bin");
  mkdirSync(bin);
  mkdirSync(join(directory.path, "node_modules"));
  symlinkSync(root, join(directory.path, "node_modules/criu-aware"));
  writeFileSync(join(directory.path, "app.ts"), app);
  const bun = join(root, "node_modules/.bin/bun");
  writeFileSync(join(bin, "bun"), `#!/bin/sh\nexec ${bun} "$@"\n`, { mode: 0o755 });
  writeFileSync(join(bin, "criu-aware"), `#!/bin/sh\nexec ${bun} ${join(root, "cli.ts")} "$@"\n`, { mode: 0o755 });
  const lines = linesBelow("## The command");
  assert.equal(lines.length, 10);
  const hadSettings = existsSync("/etc/criu");
  // What a line would write into /etc/criu stays in a mount namespace of this shell.
  const script = [
    "set -e",
    "trap 'kill -KILL $pid' EXIT",
    "mkdir -p /etc/criu",
    "mount -t tmpfs -o mode=755 none /etc/criu",
    ...lines.flatMap((line, i) => [line, `echo "done: line ${i + 1}" >&2`]),
  ].join("\n");
  const child = spawn("unshare", ["--mount", "sh", "-c", script], {
    cwd: directory.path,
    env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
  });
  let output = "";
  child.stdout.on("data", (text) => (output += text));
  child.stderr.on("data", (text) => (output += text));
  const code = await new Promise((resolve) => child.once("exit", resolve));
  if (!hadSettings) rmdirSync("/etc/criu");
  assert.equal(code, 0, output);
  assert.match(output, /done: line 10/);
});
