/** What each entry point needs in Deno stands in its docstring: it works with just that, and without a part of it says which flag is missing. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { simulate } from "criu-aware/driver";
import { findVulkan, vulkanEnvironment } from "../../setup/vulkan.ts";
import { type Child, startProgram } from "../support/child.ts";
import { runCommand } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const root = join(import.meta.dirname as string, "../..");
const entries = Object.entries(JSON.parse(readFileSync(join(root, "deno.json"), "utf8")).exports) as [string, string][];
/** Both runtimes would start the same programs. */
const skip = !("Deno" in globalThis);
const deno = runCommand.deno[0] as string;

const attached = (strategy: string, ...names: readonly string[]): string => `
  import { attach } from "criu-aware";
  ${names.map((name) => `import { ${name} } from "criu-aware/strategies/${name}";`).join("\n  ")}
  const agent = await attach({ strategies: [${strategy}] });
  const alive = setInterval(() => {}, 1000);
  agent.register({ name: "test", async afterRestore({ outcome }) {
    console.log(outcome);
    clearInterval(alive);
    setTimeout(() => agent[Symbol.asyncDispose]());
  } });
  console.log("attached");
`;
const saved = (device: string, options = ""): string => `
  import { allocateBuffers, defineState, openDevice, openState, scalar } from "criu-aware/gpu";
  import { gpu } from "criu-aware/resources/gpu";
  const schema = defineState({ step: scalar("u32") });
  const device = await openDevice("${device}"${options});
  using state = await openState(schema, { name: "permissions-" + Deno.pid });
  const resource = gpu({ device, state, buffers: await allocateBuffers(device, schema) });
  const context = { id: "1", signal: new AbortController().signal, deadline: Date.now() + 10_000, criuOptions: [] };
  await resource.beforeCheckpoint(context);
  await resource.afterRestore({ ...context, outcome: "restored", generation: 1, simulated: true });
  device[Symbol.dispose]();
  state.unlink();
  console.log("done");
`;
const simulated = (name: string, resource: string): string => `
  import { attach } from "criu-aware/simulate";
  import { ${name} } from "criu-aware/resources/${name}";
  const agent = await attach();
  agent.register(${resource});
  await agent.checkpoint();
  console.log("done");
`;

/** What is done with an entry point. An app that says \`attached\` is then asked for a simulated round. */
const programs: Record<string, string> = {
  ".": attached("signal()", "signal"),
  "./strategies/signal": attached("signal()", "signal"),
  "./strategies/file": attached("file({ path: Deno.args[0] + '/marker' })", "file"),
  "./strategies/socket": attached("socket({ path: Deno.args[0] + '/socket' })", "socket"),
  "./strategies/passive": attached("signal(), passive()", "passive", "signal"),
  "./evidence": `
    import { compareClocks, compareMounts, compareNetwork, readClocks, readMounts, readNetwork } from "criu-aware/evidence";
    const [clocks, mounts, network] = [await readClocks(), readMounts(), readNetwork()];
    const found = [compareClocks(clocks, clocks), compareMounts(mounts, mounts), compareNetwork(network, network)];
    console.log(found.some(({ suggestsRestore }) => suggestsRestore) || mounts.length === 0 ? "wrong" : "done");
  `,
  "./gpu": saved("host"),
  "./resources/environment": `
    import { environment } from "criu-aware/resources/environment";
    const resource = environment();
    await resource.beforeCheckpoint();
    resource.afterRestore({ outcome: "restored", launch: { env: { LAUNCHED: "yes" }, args: ["x"] } });
    console.log(process.env.LAUNCHED === "yes" && Deno.args[0] === "x" ? "done" : "wrong");
  `,
  "./resources/gpu": saved("host"),
  "./resources/clocks": `
    import { clocks } from "criu-aware/resources/clocks";
    import { attach } from "criu-aware/simulate";
    const clock = clocks();
    const agent = await attach({ resources: [clock] });
    await agent.checkpoint();
    clock.wallClockTimeout(0, () => console.log("done"));
  `,
  "./resources/gate": simulated("gate", "gate()"),
  "./resources/secrets": simulated("secrets", 'secrets({ names: ["one"], fetch: () => new Uint8Array(8) })'),
  "./resources/trim": simulated("trim", "trim()"),
  "./resources/readiness": `
    import { attach } from "criu-aware/simulate";
    import { readiness } from "criu-aware/resources/readiness";
    if (readiness(await attach()).handler().ok) console.log("done");
  `,
  "./resources/connections": `
    import { connections } from "criu-aware/resources/connections";
    const resource = connections({ rules: [{ action: "refuse", localPath: "/nowhere" }], drainMs: 10 });
    const context = { noticeId: "1", criuOptions: [], signal: new AbortController().signal };
    await resource.beforeCheckpoint(context);
    resource.beforeHold(context);
    await resource.afterRestore({ ...context, outcome: "restored", generation: 1, simulated: true });
    console.log((await resource.list()).length === 0 ? "done" : "there is a socket");
  `,
  "./gpu/webgpu": saved("webgpu", ", { program: new URL('./program.ts', import.meta.url) }"),
  "./resources/uniqueness": `
    import { joinWorker, uniqueness } from "criu-aware/resources/uniqueness";
    const resource = uniqueness();
    using joined = await joinWorker();
    await new Promise((resolve) => setTimeout(resolve));
    joined[Symbol.dispose]();
    const context = { noticeId: "1", signal: new AbortController().signal, criuOptions: [] };
    await resource.beforeCheckpoint(context);
    resource.afterRestore({ ...context, outcome: "restored", generation: 1, simulated: false });
    console.log("done");
  `,
  "./registry": 'import { register } from "criu-aware/registry"; register({ name: "x" }); console.log("done");',
  "./simulate": `
    import { attach } from "criu-aware/simulate";
    const agent = await attach({ strategies: [] });
    await agent.checkpoint();
    console.log("done");
  `,
};
/** Their text says that they need all, or what a device needs; there is no device for \`./gpu/cuda\` everywhere. */
const others = ["./gpu/cuda", "./gpu/conformance", "./driver", "./testing", "./blockers", "./images", "./cli"];

/** The flags that the docstring of an entry point names; none when it says so. */
function flagsOf(file: string): string[] {
  const [docstring = ""] = /\/\*\*[\s\S]*?\*\//.exec(readFileSync(join(root, file), "utf8")) ?? [];
  if (/In Deno it needs (no permission|what the device needs)\./.test(docstring)) return [];
  const flags = /In Deno it needs `(--allow-[^`]+)`/.exec(docstring)?.[1];
  assert.ok(flags, `${file} does not say what it needs in Deno`);
  return flags.split(" ");
}

/** Runs a program with these flags alone, through a simulated round if it attaches. */
async function run(source: string, flags: readonly string[]): ReturnType<() => Child["ended"]> {
  using directory = temporaryDirectory();
  const app = join(directory.path, "app.ts");
  writeFileSync(
    app,
    source.replace(/"criu-aware([^"]*)"/g, (_, entry) => `"${urlOf(`.${entry}`)}"`),
  );
  writeFileSync(join(directory.path, "program.ts"), "export const recipes = {};");
  const granted = flags.map((flag) =>
    flag.replace("read=DIR", `read=${directory.path},${root}`).replace("DIR", directory.path),
  );
  const env = findVulkan() ? vulkanEnvironment() : {};
  const args = [
    "run",
    "--no-prompt",
    "--no-check",
    "--no-lock",
    `--config=${join(root, "deno.json")}`,
    ...granted,
    app,
  ];
  await using child = startProgram(deno, [...args, directory.path], env);
  try {
    if ((await child.nextLine()) === "attached") {
      const engine = simulate();
      await engine.dump({ pid: child.pid, imagesDir: directory.path });
      await engine.restore({ imagesDir: directory.path });
    }
  } catch (error) {
    // It has ended: what it said tells why.
    if (!/ended without another line/.test((error as Error).message)) throw error;
  }
  return await child.ended;
}

function urlOf(entry: string): string {
  const [, file = ""] = entries.find(([name]) => name === entry) ?? [];
  return pathToFileURL(join(root, file)).href;
}

test("every entry point says what it needs in Deno", () => {
  for (const [entry, file] of entries) {
    const flags = flagsOf(file);
    assert.ok(entry in programs || others.includes(entry), `${entry} is not run here`);
    if (!flags.includes("--allow-all")) continue;
    assert.deepEqual([flags.length, others.includes(entry)], [1, true], entry);
  }
});

for (const [entry, file] of entries) {
  const source = programs[entry];
  if (!source) continue;
  const flags = flagsOf(file);
  const skipped = skip || (entry === "./gpu/webgpu" && !findVulkan());
  test(`${entry} works in Deno with ${flags.join(" ") || "no permission"}, and names what is missing`, {
    skip: skipped,
  }, async () => {
    const { code, stdout, stderr } = await run(source, flags);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^(attached\nrestored|done)\n$/, stderr);
    for (const missing of flags) {
      const without = await run(
        source,
        flags.filter((flag) => flag !== missing),
      );
      assert.notEqual(without.code, 0, `it works without ${missing}`);
      assert.match(without.stderr, new RegExp(`run again with the ${missing.split("=")[0]} flag`));
    }
  });
}
