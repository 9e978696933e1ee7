/** What the tests of WebGPU do, each in a process of its own: `webgpu_scenes.ts NAME`. It ends with 0 when all is right. */
import assert from "node:assert/strict";
import { renameSync } from "node:fs";
import { dirname } from "node:path";
import { bindBuffers } from "../../gpu/device/bind.ts";
import { deviceTests } from "../../gpu/device/conformance.ts";
import { DeviceError } from "../../gpu/device/device_error.ts";
import { allocateBuffers, defineState, openState, tensor } from "../../gpu/mod.ts";
import { openDevice } from "../../gpu/open_device.ts";
import { textureState, type WebGpuOptions, webgpu } from "../../gpu/webgpu/mod.ts";
import { Staging } from "../../gpu/webgpu/staging.ts";
import { type Level, levelsOf, readLevel, writeLevel } from "../../gpu/webgpu/textures.ts";
import { gpu } from "../../resources/gpu.ts";
import { driverFiles } from "./driver_files.ts";
import { prepare, recover } from "./hooks.ts";
import { playRounds } from "./rounds.ts";
import { textureKinds, textureWithoutFeature } from "./webgpu_kinds_scene.ts";
import { openModel } from "./webgpu_model.ts";
import { textures } from "./webgpu_picture.ts";

const ROUNDS = Number(process.argv[3] ?? 12);
const isDeno = !process.versions.bun;

const code = (wanted: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof DeviceError, String(error));
  assert.equal(error.code, wanted);
  assert.match(error.message, message);
  return true;
};

async function conformance(options: WebGpuOptions): Promise<void> {
  for (const { name, run } of deviceTests(() => openDevice("webgpu", options))) {
    await run().catch((cause) => assert.fail(`${name}: ${(cause as Error).stack}`));
  }
}

const scenes: Record<string, () => Promise<void>> = {
  async conformance() {
    await conformance({});
  },
  async "conformance in a worker"() {
    await conformance({ program: "data:text/javascript,export {}", thread: "worker" });
  },

  async rounds() {
    using model = await openModel();
    await model.device.upload(model.buffers.odd.current, Uint8Array.of(1, 2, 3, 4, 5, 6, 7));
    const growth = await playRounds(ROUNDS, async (round) => {
      await model.device.call("count", 16, 3);
      await model.device.call("litter");
      assert.ok(driverFiles().length >= 2, "the driver is in this process");
      await prepare(model.resource);
      assert.deepEqual(driverFiles(), [], "the driver is out of this process");
      const { model: saved, step, odd } = model.state.load();
      assert.equal(step, round * 3);
      assert.ok(saved.numbers.every((number, i) => number === round * 3 * i));
      assert.deepEqual(odd, Uint8Array.of(1, 2, 3, 4, 5, 6, 7));
      await recover(model.resource);
    });
    console.log(JSON.stringify(growth));
  },

  async "the main thread"() {
    using model = await openModel({ thread: "main thread" });
    assert.equal(model.device.keepsDriver !== undefined, isDeno);
    assert.equal(model.device.gpu.limits.maxBufferSize > 0, true);
    await model.device.call("count", 16, 2);
    const kept = model.device.gpu;
    await prepare(model.resource);
    assert.equal(driverFiles().length > 0, isDeno);
    assert.throws(() => model.device.gpu, code("suspended", /Wait for the recovery/));
    await recover(model.resource);
    // Used too late it may throw, and must not end the process.
    try {
      kept.createBuffer({ size: 4, usage: GPUBufferUsage.STORAGE });
    } catch {}
    await model.device.call("count", 16, 2);
    await model.resource.save();
    assert.equal(model.state.load().step, 4);
  },

  async "calls and a checkpoint"() {
    using model = await openModel();
    const slow = model.device.call("slow", 100);
    await prepare(model.resource);
    // What was under way is in what was saved.
    assert.equal(await slow, "done");
    assert.equal(model.state.load().step, 1000);
    let isOver = false;
    const late = model.device.call("count", 16, 1).then(() => {
      isOver = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.equal(isOver, false);
    await recover(model.resource);
    await late;
    await model.resource.save();
    assert.equal(model.state.load().step, 1001);
  },

  async "a save goes on with the same objects"() {
    using model = await openModel();
    await model.device.call("isSame");
    for (let i = 1; i <= 3; i++) {
      await model.device.call("count", 16, 1);
      const before = model.buffers.step.current;
      await model.resource.save();
      assert.equal(model.buffers.step.current, before);
      assert.equal(model.state.load().step, i);
      assert.equal(await model.device.call("isSame"), true);
    }
    await prepare(model.resource);
    await recover(model.resource);
    assert.equal(await model.device.call("isSame"), false);
  },

  async errors() {
    using model = await openModel();
    await assert.rejects(
      model.device.call("nonsense" as "lose"),
      /RangeError: Cannot call nonsense|Cannot call nonsense/,
    );
    await assert.rejects(model.device.call("toString" as "lose"), /Cannot call toString/);
    await assert.rejects(model.device.call("fail", "Error"), { name: "Error", message: "as told" });
    await assert.rejects(model.device.call("fail", "RangeError"), RangeError);
    await model.device.call("count", 16, 1);
    await assert.rejects(Promise.resolve(model.device.allocate("u8", [300 << 20])), code("failed", /maxBufferSize/));
    await assert.rejects(webgpu({ thread: "worker" }), RangeError);
    await assert.rejects(webgpu({ thread: "else" as "worker" }), RangeError);
    const limits = { maxBufferSize: 2 ** 50, maxBindGroups: 4 };
    await assert.rejects(
      webgpu({ limits, features: ["no-such-feature"] }),
      code("different", /maxBufferSize 1125899906842624 \(it has \d+\), the feature no-such-feature\. Restore/),
    );
  },

  async "a larger device"() {
    const size = 300 << 20;
    using device = await webgpu({ limits: { maxBufferSize: size, maxStorageBufferBindingSize: size } });
    assert.equal(device.limits?.maxBufferBytes, size);
    // More than one piece, and no whole words.
    const bytes = new Uint8Array((130 << 20) + 3);
    for (let i = 0; i < bytes.length; i += 4093) bytes[i] = i % 251;
    bytes[bytes.length - 1] = 9;
    const buffer = await device.allocate("u8", [bytes.length]);
    await device.upload(buffer, bytes);
    await device.fence();
    const back = new Uint8Array(bytes.length);
    await device.download(buffer, back);
    await device.fence();
    assert.equal(Buffer.compare(back, bytes), 0);
  },

  async "to host and back"() {
    const schema = defineState({ floats: tensor("f32", [1001]), odd: tensor("u8", [7]), wide: tensor("u32", [3, 5]) });
    const given = {
      // Not a number with a payload, infinities, -0 and the smallest ones: bits, not values, have to come back.
      floats: new Float32Array(Uint32Array.from({ length: 1001 }, (_, i) => (i * 2654435761) >>> 0).buffer),
      odd: Uint8Array.of(1, 2, 3, 250, 251, 252, 253),
      wide: Uint32Array.from({ length: 15 }, (_, i) => 0xffff_ffff - i),
    };
    using state = await openState(schema);
    state.save(given);
    const bits = (values: object): Uint8Array[] =>
      Object.values(values).map(({ buffer, byteOffset, byteLength }) =>
        new Uint8Array(buffer, byteOffset, byteLength).slice(),
      );
    for (const kind of ["webgpu", "host", "webgpu"] as const) {
      using device = await openDevice(kind);
      const buffers = await allocateBuffers(device, schema);
      const resource = gpu({ device, state, buffers });
      await resource.recover();
      // What is saved next can only come from the device.
      state.save({ floats: new Float32Array(1001), odd: new Uint8Array(7), wide: new Uint32Array(15) });
      await resource.save();
      assert.deepEqual(bits(state.load()), bits(given), kind);
    }
  },

  async loss() {
    const lost = Promise.withResolvers<DeviceError>();
    using model = await openModel({ onLost: lost.resolve });
    await model.device.call("count", 16, 2);
    await assert.rejects(model.resource.recover(), { code: "empty" });
    await model.resource.save();
    await model.device.call("count", 16, 1);
    await model.device.call("lose");
    assert.equal((await lost.promise).code, "lost");
    await assert.rejects(prepare(model.resource));
    await model.resource.recover();
    await model.device.call("count", 16, 1);
    await model.resource.save();
    assert.equal(model.state.load().step, 3);
  },

  async textures() {
    const schema = defineState({
      picture: textureState(textures.picture),
      single: textureState(textures.single),
      floats: textureState(textures.floats),
      sampled: tensor("f32", [4]),
      drawn: tensor("u8", [256]),
    });
    using device = await webgpu<typeof import("./webgpu_picture.ts")>({
      program: new URL("./webgpu_picture.ts", import.meta.url),
    });
    using state = await openState(schema);
    const buffers = await allocateBuffers(device, schema);
    const levels = [
      ...Object.values(buffers.picture),
      ...Object.values(buffers.single),
      ...Object.values(buffers.floats),
    ];
    const contents = levels.map(({ current: { shape } }, i) => {
      const bytes = new Uint8Array(shape.reduce((product, length) => product * length, 1));
      return bytes.map((_, at) => (at * 7 + i * 31) % 256);
    });
    for (const [i, { current }] of levels.entries())
      await device.upload(current, contents[i] as Uint8Array<ArrayBuffer>);
    await bindBuffers(device, schema, buffers);
    const resource = gpu({ device, state, buffers });
    for (let round = 0; round < 3; round++) {
      await device.call("sample");
      await device.call("draw");
      await prepare(resource);
      assert.deepEqual(driverFiles(), []);
      const saved = state.load();
      const all = [saved.picture, saved.single, saved.floats].flatMap((levels) => Object.values(levels));
      assert.equal(all.length, 5);
      assert.deepEqual(all, contents);
      const texel = (contents[0] as Uint8Array).subarray(0, 4);
      // Each device divides by 255 as it likes.
      assert.deepEqual(
        Uint8Array.from(saved.sampled, (value) => Math.round(value * 255)),
        texel,
      );
      assert.deepEqual([...saved.drawn.subarray(0, 32)], Array(8).fill([255, 0, 0, 255]).flat());
      await recover(resource);
    }
  },

  "kinds of textures": textureKinds,
  "a texture without its feature": textureWithoutFeature,

  async "a copy that the device refuses"() {
    using device = await webgpu();
    const recipe = { format: "rgba8unorm", width: 4, height: 4 } as const;
    const levelFor = (usage: number): Level =>
      levelsOf(recipe, device.gpu.createTexture({ format: recipe.format, size: [4, 4], usage }))[0] as Level;
    const bytes = new Uint8Array(64);
    const { COPY_SRC, COPY_DST } = GPUTextureUsage;
    await assert.rejects(
      writeLevel(device.gpu, levelFor(COPY_SRC), bytes),
      code("failed", /copy into level 0 of a texture/),
    );
    const staging = new Staging(device.gpu);
    await assert.rejects(
      readLevel(staging, levelFor(COPY_DST), bytes),
      code("failed", /copy out of level 0 of a texture/),
    );
    await readLevel(staging, levelFor(COPY_SRC), bytes);
    await staging.flush();
  },

  async "a driver that is away"() {
    const driver = dirname(process.env.VK_ICD_FILENAMES as string);
    using model = await openModel();
    await model.device.call("count", 16, 2);
    await prepare(model.resource);
    renameSync(driver, `${driver}.away`);
    await assert.rejects(recover(model.resource), code("unavailable", /libvulkan/));
    assert.equal(model.state.load().step, 2);
    renameSync(`${driver}.away`, driver);
    await model.resource.recover();
    await model.device.call("count", 16, 1);
    await model.resource.save();
    assert.equal(model.state.load().step, 3);
  },

  async "no driver"() {
    await assert.rejects(webgpu(), code("unavailable", /libvulkan/));
    await assert.rejects(openModel(), code("unavailable", /libvulkan/));
  },
};

const scene = scenes[process.argv[2] as string];
if (!scene) throw new RangeError(`There is no scene ${process.argv[2]}.`);
await scene();
if (scene !== scenes.rounds) console.log("right");
