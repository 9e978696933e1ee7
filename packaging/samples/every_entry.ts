/** A program of a user that imports every entry point and uses what its types say. It is type-checked, not run. */
import { type Agent, attach, CheckpointRefusedError, type Resource, UnsupportedPlatformError } from "criu-aware";
import { type Blocker, blockers, unblocked } from "criu-aware/blockers";
import { checkpoint, command, type Engine, parseArguments, rpc, simulate } from "criu-aware/driver";
import { compareClocks, compareMounts, compareNetwork, readClocks, readMounts, readNetwork } from "criu-aware/evidence";
import { allocateBuffers, defineState, host, openDevice, openState, scalar, tensor } from "criu-aware/gpu";
import { deviceTests } from "criu-aware/gpu/conformance";
import { cuda } from "criu-aware/gpu/cuda";
import { type Gpu, type GpuBuffer, type Recipes, textureState } from "criu-aware/gpu/webgpu";
import { readImages } from "criu-aware/images";
import { register } from "criu-aware/registry";
import { clocks } from "criu-aware/resources/clocks";
import { type Connection, connections } from "criu-aware/resources/connections";
import { environment } from "criu-aware/resources/environment";
import { gate } from "criu-aware/resources/gate";
import { gpu } from "criu-aware/resources/gpu";
import { readiness } from "criu-aware/resources/readiness";
import { secrets } from "criu-aware/resources/secrets";
import { trim } from "criu-aware/resources/trim";
import { uniqueness } from "criu-aware/resources/uniqueness";
import { workers } from "criu-aware/resources/workers";
import { attach as attachSimulated } from "criu-aware/simulate";
import { file } from "criu-aware/strategies/file";
import { type Passive, passive } from "criu-aware/strategies/passive";
import { signal } from "criu-aware/strategies/signal";
import { socket } from "criu-aware/strategies/socket";
import { CollisionError, expectUniqueAcrossClones } from "criu-aware/testing";
import { type JoinedWorker, joinWorker } from "criu-aware/worker";

export const recipes: Recipes = {
  shaders: { train: "@compute @workgroup_size(1) fn train() {}" },
  samplers: { linear: { magFilter: "linear" } },
  textures: { image: { format: "rgba8unorm", width: 8, height: 8, usage: 0x10 } },
  bindGroupLayouts: { one: { entries: [{ binding: 0, visibility: 4, buffer: { type: "storage" } }] } },
  computePipelines: { train: { shader: "train" } },
  renderPipelines: {
    draw: {
      vertex: { shader: "draw" },
      fragment: { shader: "draw", targets: [{ format: "rgba8unorm" }] },
      primitive: { topology: "triangle-strip" },
    },
  },
  bindGroups: { weights: { layout: { pipeline: "train", group: 0 }, entries: { 0: { buffer: "weights" } } } },
};

export function train({ device, ...gpu }: Gpu, rounds: number): number {
  const encoder = device.createCommandEncoder();
  const pass = encoder.beginComputePass();
  pass.setPipeline(gpu.computePipeline("train"));
  pass.setBindGroup(0, gpu.bindGroup("weights"));
  pass.dispatchWorkgroups(rounds);
  pass.end();
  const weights: GpuBuffer = gpu.buffer("weights");
  const copy = device.createBuffer({ size: weights.size, usage: 9 });
  encoder.copyBufferToBuffer(weights, 0, copy, 0, weights.size);
  encoder.copyTextureToBuffer(
    { texture: gpu.texture("image") },
    { buffer: copy, bytesPerRow: 256 },
    { width: 8, height: 8 },
  );
  device.queue.submit([encoder.finish()]);
  return rounds;
}

export async function app(): Promise<string> {
  await using agent: Agent = await attach({ strategies: [signal(), file({ path: "/run/app/marker" }), socket()] });
  const schema = defineState({
    weights: tensor("f32", [8, 8]),
    step: scalar("u32"),
    image: textureState({ format: "rgba8unorm", width: 8, height: 8 }),
  });
  const state = await openState(schema);
  const device = host();
  const buffers = await allocateBuffers(device, schema);
  buffers.weights.current.array[0] = 1;
  agent.register(gpu({ device, state, buffers }));
  agent.register(environment({ immutable: ["HOME"], envGate: ["REGION"], audit: true }));
  agent.register(unblocked());
  const clock = clocks({ onClockWentBack: (byMs) => console.log(byMs) });
  agent.register(clock);
  using timer = clock.wallClockTimeout(new Date(2030, 0), () => console.log(clock.frozenMs, clock.uptimeSinceRestore));
  agent.register(uniqueness({ beforeCheckpoint: "report", onDraw: ({ api, stack }) => console.log(api, stack) }));
  agent.register(workers({ strict: true }));
  const open = connections({ listen: "rebind", listenAt: ({ local }) => ({ port: (local.port ?? 0) + 1 }) });
  agent.register(open);
  const sockets: readonly Connection[] = await open.list();
  const resource: Resource = { name: "cache", afterRestore: ({ outcome }) => console.log(outcome) };
  using registration = register(resource);
  const found: readonly Blocker[] = await blockers(agent);
  console.log(found.length, registration, timer, sockets.length);
  const { outcome } = await checkpoint(agent, { imagesDir: "/var/tmp/images", leaveRunning: true });
  return outcome;
}

export async function devices(): Promise<number> {
  using nvidia = await cuda({ gpu: 0 });
  using webgpu = await openDevice<{ recipes: Recipes; train: typeof train }>("webgpu", { program: "./program.js" });
  console.log(nvidia.kind, webgpu.gpu.limits, deviceTests(async () => host()).length);
  return await webgpu.call("train", 8);
}

export async function drive(pid: number): Promise<void> {
  const engines: Engine[] = [rpc(), command(), simulate()];
  const options = { pid, imagesDir: "/var/tmp/images", criuOptions: parseArguments(["--tcp-close"]) };
  try {
    for (const engine of engines) await engine.dump({ ...options, signal: AbortSignal.timeout(1000) });
    console.log((await readImages("/var/tmp/images")).processes.length);
  } catch (error) {
    if (error instanceof CheckpointRefusedError || error instanceof UnsupportedPlatformError)
      console.log(error.message);
  }
}

export async function serve(agent: Agent): Promise<(request: Request) => Promise<Response>> {
  const keys = secrets({ names: ["session"], fetch: () => new Uint8Array(32) });
  const work = gate({ waitMs: 1000 });
  for (const resource of [trim(), keys, work]) agent.register(resource);
  const health = readiness(agent);
  using _ = await work.enter();
  await keys.use("session", (bytes) => crypto.subtle.digest("SHA-256", bytes));
  return work.wrap((request: Request) => (request.method === "HEAD" ? health.handler() : new Response("answer")));
}

export async function worker(): Promise<void> {
  const resource: Resource = {
    name: "cache",
    afterRestore: ({ outcome, generation }) => console.log(outcome, generation),
  };
  using joined: JoinedWorker = await joinWorker({ name: "thumbnails", resources: [resource] });
  console.log(joined.isHeld);
}

export async function compare(): Promise<void> {
  try {
    await expectUniqueAcrossClones("./app.ts", { clones: 3, ignore: ["region"] });
  } catch (error) {
    if (error instanceof CollisionError) console.log(error.collisions.map(({ name, clones }) => `${name} ${clones}`));
  }
}

export async function look(restores: Passive = passive({ intervalMs: 5000 })): Promise<boolean> {
  await using agent = await attach({ strategies: [restores] });
  const before = { clocks: await readClocks(), mounts: readMounts(), network: readNetwork() };
  const findings = [
    compareClocks(before.clocks, await readClocks(), { toleranceMs: 5000 }),
    compareMounts(before.mounts, readMounts()),
    compareNetwork(before.network, readNetwork()),
  ];
  console.log(agent.generation);
  return restores.check() || findings.some(({ suggestsRestore }) => suggestsRestore);
}

export async function play(): Promise<void> {
  await using agent = await attachSimulated();
  await agent.checkpoint({ outcome: "aborted" });
}
