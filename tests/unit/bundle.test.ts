/** What an app pays for: a minifying bundle holds what it imports and nothing else, and it works. */
import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { type RuntimeName, runCommand, runtimes } from "../support/runtimes.ts";

const root = join(import.meta.dirname as string, "../..");

/** Bundles a program for a runtime, minified, and gives the text to `use`. */
function bundled(
  source: string,
  use: (text: string, path: string) => void,
  runtime: RuntimeName | "node" | "browser" = "bun",
): void {
  const directory = mkdtempSync(join(root, "reports-bundle-"));
  try {
    const entry = join(directory, "entry.ts");
    const out = join(directory, "out.js");
    writeFileSync(entry, source);
    const target = {
      bun: ["--target=bun"],
      deno: ["--target=node", "--conditions=deno"],
      node: ["--target=node"],
      browser: ["--target=browser"],
    }[runtime];
    const flags = ["--minify", ...target, `--outfile=${out}`];
    execFileSync(join(root, "node_modules/.bin/bun"), ["build", entry, ...flags], { stdio: "ignore" });
    use(readFileSync(out, "utf8"), out);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

const gzipped = (text: string): number => gzipSync(text, { level: 9 }).length;

const signalApp = `
  import { attach } from "criu-aware";
  import { signal } from "criu-aware/strategies/signal";
  await using agent = await attach({ strategies: [signal()] });
  console.log(agent.state);
`;

test("a bundle of mod.ts and the signal strategy holds nothing of the others or of the driver, and is under 12.1 kB", () => {
  bundled(signalApp, (text) => {
    const bytes = gzipped(text);
    console.log(`mod.ts + strategies/signal: ${bytes} bytes, minified and gzipped`);
    assert.ok(bytes < 12_100, `${bytes} bytes`);
    // Words of what must not be there; their own words prove that the look works.
    const absent = [
      "inotify_init1(",
      "jsonrpc",
      "SO_PEERCRED",
      "replaceMarker",
      "--action-script",
      "zx",
      "openat2",
      "is not attached",
      ".sock`",
    ];
    for (const word of absent) assert.ok(!text.includes(word), `the bundle contains ${word}`);
    for (const word of ["criu-aware", "beforeCheckpoint", "f30f1efa"])
      assert.ok(text.includes(word), `the bundle lacks ${word}`);
  });
});

test("the words that a bundle must not contain are found where they belong", () => {
  const app = `
    import { attach } from "criu-aware";
    import { file } from "criu-aware/strategies/file";
    import { socket } from "criu-aware/strategies/socket";
    console.log(attach, file, socket);
  `;
  bundled(app, (text) => {
    for (const word of ["inotify_init1(", "jsonrpc", ".sock`"])
      assert.ok(text.includes(word), `the bundle lacks ${word}`);
  });
});

test("the entry point for libraries is under 1 kB and brings no FFI", () => {
  bundled(`import { register } from "criu-aware/registry"; register({ name: "library" });`, (text) => {
    assert.ok(gzipped(text) < 1024, `${gzipped(text)} bytes`);
    assert.doesNotMatch(text, /ffi|dlopen/);
  });
});

for (const runtime of runtimes) {
  test(`the bundle of an app works in ${runtime}`, () => {
    const use = (_text: string, path: string): void => {
      const [program, ...args] = [...runCommand[runtime], path] as string[];
      const { stdout, stderr } = spawnSync(program as string, args, { encoding: "utf8", cwd: tmpdir() });
      assert.equal(stdout, "running\n", stderr);
    };
    bundled(signalApp, use, runtime);
  });
}

test("a bundle of an app for Node.js is made, and its attach() says what to run it with", () => {
  const use = (_text: string, path: string): void => {
    const { stderr } = spawnSync(process.execPath, [path], { encoding: "utf8", cwd: tmpdir() });
    assert.match(stderr, /UnsupportedPlatformError.*Bun or Deno.*criu-aware\/simulate/);
  };
  bundled(signalApp, use, "node");
});

test("a bundle of an app for a browser is made, and its attach() says where it works", () => {
  const app = `
    import { attach } from "criu-aware";
    import { file } from "criu-aware/strategies/file";
    import { signal } from "criu-aware/strategies/signal";
    const error = await attach({ strategies: [signal(), file({ path: "/run/app/marker" })] }).catch((error) => error);
    console.log(error.name, error.message);
  `;
  const use = (text: string, path: string): void => {
    // As in a page, where there is no process.
    writeFileSync(path, `globalThis.process = undefined;\n${text}`);
    const { stdout, stderr } = spawnSync(process.execPath, [path], { encoding: "utf8", cwd: tmpdir() });
    assert.match(stdout, /^UnsupportedPlatformError .*Linux.*criu-aware\/simulate/, stderr);
  };
  bundled(app, use, "browser");
});
