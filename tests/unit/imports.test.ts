/** Imports point the way the design says: every room may use those below it, and never the ones above. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname as string, "../..");

/** What each room may import; a place is a folder, or a file. */
const allowed: Record<string, readonly string[]> = {
  ffi: ["ffi"],
  lifecycle: ["lifecycle"],
  page: ["page", "ffi", "lifecycle"],
  "strategies/strategy.ts": ["strategies/strategy.ts", "page", "ffi", "lifecycle"],
  "strategies/trust.ts": ["ffi"],
  "strategies/notify.ts": ["strategies", "page", "ffi", "lifecycle"],
  "strategies/signal": [
    "strategies/signal",
    "strategies/strategy.ts",
    "strategies/trust.ts",
    "page",
    "ffi",
    "lifecycle",
  ],
  "strategies/file": ["strategies/file", "strategies/strategy.ts", "strategies/trust.ts", "page", "ffi", "lifecycle"],
  "strategies/socket": [
    "strategies/socket",
    "strategies/strategy.ts",
    "strategies/trust.ts",
    "page",
    "ffi",
    "lifecycle",
  ],
  gpu: ["gpu", "ffi"],
  resources: ["resources", "gpu", "ffi", "lifecycle/types.ts"],
  "registry.ts": ["lifecycle/types.ts", "lifecycle/resource.ts"],
  "attach.ts": ["registry.ts", "strategies/strategy.ts", "page", "lifecycle", "ffi"],
  "simulate.ts": ["attach.ts", "registry.ts", "lifecycle"],
  "mod.ts": ["attach.ts", "strategies/strategy.ts", "lifecycle", "ffi"],
  criu: ["criu", "attach.ts", "strategies/notify.ts", "page", "ffi", "lifecycle"],
  cli: ["cli", "criu", "gpu", "strategies/notify.ts", "page", "ffi", "lifecycle"],
  "cli.ts": ["cli"],
  // An app may use the scanner: it must not bring the driver.
  "criu/blockers": ["criu/blockers", "criu/options.ts", "criu/tree.ts", "attach.ts", "ffi", "lifecycle/types.ts"],
};
/** What an app's half may never pull in. */
const driverOnly = /(^|\/)(driver|notify|driver_page|find|beneath)\.ts$/;

const files = Object.keys(allowed)
  .map((place) => place.split("/")[0] as string)
  .filter((place, i, all) => all.indexOf(place) === i)
  .flatMap((place) => (place.endsWith(".ts") ? [place] : sources(place)));

function sources(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => join(folder, name));
}

/** The project's own files that a file imports, by their paths from the root. */
function imports(file: string): string[] {
  const text = readFileSync(join(root, file), "utf8");
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]*)"/g)].map(([, path]) =>
    relative(root, join(root, dirname(file), path as string)),
  );
}

/** The longest key of `allowed` that a file lies in. */
function roomOf(file: string): string {
  const rooms = Object.keys(allowed).filter((room) => file === room || file.startsWith(`${room}/`));
  return rooms.sort((a, b) => b.length - a.length)[0] ?? "";
}

test("every import points down", () => {
  const wrong: string[] = [];
  for (const file of files) {
    const below = allowed[roomOf(file)] ?? [];
    for (const target of imports(file)) {
      if (!below.some((place) => target === place || target.startsWith(`${place}/`)))
        wrong.push(`${file} imports ${target}`);
    }
  }
  assert.ok(files.length > 50, `only ${files.length} files were looked at`);
  assert.deepEqual(wrong, []);
});

test("what an app imports pulls in nothing of the driver", () => {
  const entries = [
    "mod.ts",
    "registry.ts",
    "strategies/signal/agent.ts",
    "strategies/file/agent.ts",
    "strategies/socket/agent.ts",
  ];
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    imports(file).forEach(visit);
  };
  entries.forEach(visit);
  assert.deepEqual(
    [...seen].filter((file) => driverOnly.test(file) || file.startsWith("criu/")),
    [],
  );
});

test("only the leaves know which runtime this is", () => {
  const knowing = files.filter((file) =>
    /\bBun\.|\bDeno\.|"bun:/.test(withoutComments(readFileSync(join(root, file), "utf8"))),
  );
  assert.deepEqual(knowing.sort(), [
    "ffi/bun.ts",
    "ffi/bun_code.ts",
    "ffi/bun_reader.ts",
    "ffi/deno.ts",
    "ffi/deno_code.ts",
    "ffi/deno_reader.ts",
    // What WebGPU is reached by.
    "gpu/webgpu/bun.ts",
    "gpu/webgpu/deno.ts",
  ]);
});

test("no file has more than 300 lines, and half of them at most 90", () => {
  // What a generator made is as long as it is.
  const written = files.filter((file) => !file.endsWith("_pb.ts"));
  const lengths = written.map((file) => [file, readFileSync(join(root, file), "utf8").split("\n").length - 1] as const);
  assert.deepEqual(
    lengths.filter(([, lines]) => lines > 300),
    [],
  );
  const sorted = lengths.map(([, lines]) => lines).sort((a, b) => a - b);
  assert.ok((sorted[Math.floor(sorted.length / 2)] as number) <= 90);
});

function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "").replace(/`[^`]*`|"[^"\n]*(Bun|Deno)\.[^"\n]*"/g, '""');
}
