/** Imports point the way the design says: every room may use those below it, and never the ones above. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { test } from "node:test";

const root = join(import.meta.dirname as string, "../..");

const strategy = ["strategies/strategy.ts", "strategies/trust.ts", "page", "ffi", "lifecycle"];
const device = ["gpu/device", "gpu/state", "ffi"];

/** What each room may import beside itself; a place is a folder, or a file. A file not named here belongs to the room above it. */
const allowed: Record<string, readonly string[]> = {
  ffi: [],
  lifecycle: [],
  page: ["ffi", "lifecycle"],
  "strategies/strategy.ts": ["page", "ffi", "lifecycle"],
  "strategies/trust.ts": ["ffi"],
  "strategies/names.ts": [],
  "strategies/notify.ts": ["strategies", "page", "ffi", "lifecycle"],
  "strategies/signal": strategy,
  "strategies/file": strategy,
  "strategies/socket": strategy,
  "strategies/passive": strategy,
  evidence: ["blockers/proc.ts", "lifecycle/time.ts", "ffi"],
  "gpu/state": ["ffi"],
  "gpu/device": ["gpu/state", "ffi"],
  "gpu/webgpu": [...device, "package"],
  "gpu/cuda": device,
  // Beside the rooms: what an app imports of them, and the choice of a device.
  "gpu/mod.ts": ["gpu"],
  "gpu/open_device.ts": ["gpu"],
  resources: ["gpu", "blockers", "ffi", "lifecycle/types.ts", "lifecycle/time.ts"],
  // Its agent of a worker has a lifecycle of its own.
  "resources/workers": ["registry.ts", "blockers", "ffi", "lifecycle"],
  "registry.ts": ["lifecycle/types.ts", "lifecycle/resource.ts"],
  "agent.ts": ["strategies/strategy.ts", "lifecycle"],
  "attach.ts": ["agent.ts", "registry.ts", "strategies/strategy.ts", "page", "lifecycle", "ffi"],
  "simulate.ts": ["agent.ts", "registry.ts", "lifecycle"],
  "mod.ts": ["agent.ts", "attach.ts", "strategies/strategy.ts", "lifecycle", "ffi"],
  // An app may use the scanner: it must not bring the driver.
  blockers: ["criu/options.ts", "agent.ts", "page/layout.ts", "ffi", "lifecycle/types.ts"],
  package: ["ffi"],
  protobuf: [],
  images: ["package", "protobuf", "ffi"],
  criu: ["package", "protobuf", "ffi"],
  driver: [
    "package",
    "criu",
    "images",
    "blockers",
    "strategies/names.ts",
    "strategies/notify.ts",
    "agent.ts",
    "page",
    "ffi",
    "lifecycle",
  ],
  cli: [
    "package",
    "setup",
    "driver",
    "criu",
    "images",
    "blockers",
    "gpu",
    "strategies/names.ts",
    "page",
    "ffi",
    "lifecycle",
  ],
  "cli.ts": ["cli"],
  testing: ["cli/launch.ts", "package", "driver", "criu", "registry.ts", "ffi"],
  scripts: ["attach.ts", "strategies", "cli", "driver", "criu", "images", "gpu", "resources", "ffi"],
  setup: ["package", "criu", "ffi"],
  packaging: ["package", "criu"],
  examples: ["setup", "ffi", "gpu"],
  bench: [
    "tests/support",
    "packaging",
    "setup",
    "mod.ts",
    "strategies",
    "resources",
    "gpu",
    "driver",
    "criu",
    "page",
    "lifecycle",
    "ffi",
  ],
};
/** What an app's half may never pull in. */
const driverOnly = /(^|\/)(driver|notify|driver_page|find|beneath)\.ts$/;

const places = readdirSync(root, { withFileTypes: true }).filter(
  ({ name }) => !/^\.|^node_modules$|^reports$|^tests$/.test(name),
);
const files = places.flatMap((entry) =>
  entry.isDirectory() ? sources(entry.name) : entry.name.endsWith(".ts") ? [entry.name] : [],
);

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
    const room = roomOf(file);
    const below = [room, ...(allowed[room] ?? [])];
    if (room === "") wrong.push(`${file} is in no room`);
    for (const target of imports(file)) {
      if (!below.some((place) => target === place || target.startsWith(`${place}/`)))
        wrong.push(`${file} imports ${target}`);
    }
  }
  assert.ok(files.length > 250, `only ${files.length} files were looked at`);
  assert.deepEqual(wrong, []);
});

test("no file imports itself by way of others, types included", () => {
  const done = new Set<string>();
  const circles: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) return void circles.push([...path.slice(path.indexOf(file)), file].join(" → "));
    if (done.has(file)) return;
    for (const target of imports(file)) visit(target, [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  assert.deepEqual(circles, []);
});

test("what an app imports pulls in nothing of the driver", () => {
  const entries = [
    "mod.ts",
    "registry.ts",
    "strategies/signal/agent.ts",
    "strategies/file/agent.ts",
    "strategies/socket/agent.ts",
    "strategies/passive/agent.ts",
  ];
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    imports(file).forEach(visit);
  };
  entries.forEach(visit);
  assert.deepEqual(
    [...seen].filter((file) => driverOnly.test(file) || /^(criu|driver|images)\//.test(file)),
    [],
  );
});

test("only the leaves know which runtime this is", () => {
  const product = files.filter((file) => !/^(bench|examples|packaging|scripts|setup)\//.test(file));
  const knowing = product.filter((file) =>
    /\b(?:Bun|Deno)[.[]|"bun:/.test(withoutComments(readFileSync(join(root, file), "utf8"))),
  );
  assert.deepEqual(knowing.sort(), [
    "ffi/bun.ts",
    "ffi/bun_code.ts",
    "ffi/bun_environment.ts",
    "ffi/bun_generators.ts",
    "ffi/bun_reader.ts",
    "ffi/deno.ts",
    "ffi/deno_code.ts",
    "ffi/deno_environment.ts",
    "ffi/deno_pool.ts",
    "ffi/deno_proc.ts",
    "ffi/deno_reader.ts",
    // What WebGPU is reached by.
    "gpu/webgpu/bun.ts",
    "gpu/webgpu/deno.ts",
  ]);
});

test("no file has more than 300 lines, and half of them at most 90", () => {
  const lengths = files.map((file) => [file, readFileSync(join(root, file), "utf8").split("\n").length - 1] as const);
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
