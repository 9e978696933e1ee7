/**
 * The docs, done as they stand there: in one directory for each page, a block of TypeScript that names a file is written to it, and a block of
 * shell is run. What a page installs is this checkout.
 */
import assert from "node:assert/strict";
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { noCriu } from "../support/criu.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const root = join(import.meta.dirname as string, "../..");
const bun = join(root, "node_modules/.bin/bun");

/** Whether a network of one's own can be had, in which no port is taken. */
const hasNetworks = spawnSync("ip", ["-V"]).status === 0;

/** The blocks of a page that are for somebody to do. */
function stepsOf(page: string): { readonly kind: "file" | "shell"; readonly name: string; readonly text: string }[] {
  const text = readFileSync(join(root, page), "utf8");
  return [...text.matchAll(/^```(ts|sh)(?: (\S+))?\n([\s\S]*?)^```/gm)].flatMap(([, language, name = "", text = ""]) =>
    language === "sh" ? { kind: "shell", name, text } : name === "" ? [] : { kind: "file", name, text },
  );
}

for (const page of ["README.md", "docs/app-authors.md", "docs/operators.md", "docs/fast-starts.md"]) {
  test(`what ${page} says works, one step after the other`, { skip: noCriu }, async () => {
    using directory = temporaryDirectory();
    const { path } = directory;
    const bin = join(path, "bin");
    mkdirSync(bin);
    mkdirSync(join(path, "node_modules"));
    symlinkSync(root, join(path, "node_modules/criu-aware"));
    writeFileSync(join(bin, "bun"), `#!/bin/sh\nexec ${bun} "$@"\n`, { mode: 0o755 });
    const get = 'process.stdout.write(await (await fetch("http://" + process.argv.at(-1))).text())';
    writeFileSync(join(bin, "curl"), `#!/bin/sh\nexec ${bun} -e '${get}' -- "$@"\n`, { mode: 0o755 });
    writeFileSync(join(bin, "criu-aware"), `#!/bin/sh\nexec ${bun} ${join(root, "cli.ts")} "$@"\n`, { mode: 0o755 });
    // The app of a page that has none of its own is that of the README.
    const steps = stepsOf(page);
    const app = [...steps, ...stepsOf("README.md")].find(({ name }) => name === "app.ts");
    writeFileSync(join(path, "app.ts"), app?.text ?? assert.fail("no app.ts"));
    const script = steps.filter(({ kind }) => kind === "shell").flatMap(({ text }) => text.trim().split("\n"));
    assert.ok(script.length > 0);
    const inside = [
      "set -e",
      "trap 'kill -KILL $pid 2>/dev/null' EXIT",
      ...(hasNetworks ? ["ip link set lo up"] : []),
      ...script.flatMap((line) => [
        line,
        `echo ${JSON.stringify(`done: ${line.slice(0, 30).replace(/["$`\\]/g, "")}`)}`,
      ]),
    ].join("\n");
    const [program, ...args] = [...(hasNetworks ? ["unshare", "--net"] : []), "sh", "-c", inside];
    const child = spawn(program as string, args, {
      cwd: path,
      env: { ...process.env, PATH: `${bin}:${process.env.PATH}` },
    });
    let output = "";
    child.stdout.on("data", (text) => (output += text));
    child.stderr.on("data", (text) => (output += text));
    const code = await new Promise((resolve) => child.once("close", resolve));
    assert.equal(code, 0, output);
    assert.equal(output.match(/^done: /gm)?.length, script.length, output);
  });
}

test("the blocks of shell in the docs are those of a plain shell", () => {
  for (const page of ["README.md", "docs/app-authors.md", "docs/operators.md"]) {
    for (const { kind, text } of stepsOf(page)) if (kind === "shell") execFileSync("sh", ["-n", "-c", text]);
  }
});
