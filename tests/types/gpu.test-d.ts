/** Type-checks, and is never run: each line after @ts-expect-error must be an error. */
import {
  allocateBuffers,
  type Device,
  defineState,
  type HostBuffer,
  host,
  openState,
  openTensors,
  scalar,
  tensor,
} from "../../gpu/mod.ts";
import { textureState } from "../../gpu/webgpu/mod.ts";
import { gpu } from "../../resources/gpu.ts";

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Equal<A, B>): void {}

const schema = defineState({
  weights: tensor("f32", [2, 2]),
  half: tensor("f16", [1]),
  raw: tensor("bf16", [1]),
  mask: tensor("bool", [1]),
  model: { layer1: tensor("i64", [1]), deep: { er: scalar("i64") } },
  step: scalar("u32"),
  done: scalar("bool"),
});

export async function saving(): Promise<void> {
  using state = await openState(schema, { name: "x", slots: 2 });
  const good = {
    weights: new Float32Array(4),
    half: new Float16Array(1),
    raw: new Uint16Array(1),
    mask: new Uint8Array(1),
    model: { layer1: new BigInt64Array(1), deep: { er: 1n } },
    step: 1,
    done: true,
  };
  state.save(good);
  state.save({ ...good, weights: new Float32Array(new SharedArrayBuffer(16)) });
  // @ts-expect-error an array of another type
  state.save({ ...good, weights: new Float64Array(4) });
  // @ts-expect-error an array where a scalar is
  state.save({ ...good, step: new Uint32Array(1) });
  // @ts-expect-error a number where a tensor is
  state.save({ ...good, weights: 1 });
  // @ts-expect-error a number where a bigint is
  state.save({ ...good, model: { ...good.model, deep: { er: 1 } } });
  // @ts-expect-error a number where a boolean is
  state.save({ ...good, done: 1 });
  // @ts-expect-error a name that is not in the schema
  state.save({ ...good, other: 1 });
  // @ts-expect-error a name that is missing
  state.save({ weights: good.weights });
  // @ts-expect-error three slots
  await openState(schema, { slots: 3 });
}

export async function loading(): Promise<void> {
  using state = await openState(schema);
  const loaded = state.load();
  same<typeof loaded.weights, Float32Array<ArrayBuffer>>(true);
  same<typeof loaded.half, Float16Array<ArrayBuffer>>(true);
  same<typeof loaded.raw, Uint16Array<ArrayBuffer>>(true);
  same<typeof loaded.mask, Uint8Array<ArrayBuffer>>(true);
  same<typeof loaded.model.layer1, BigInt64Array<ArrayBuffer>>(true);
  same<typeof loaded.model.deep.er, bigint>(true);
  same<typeof loaded.step, number>(true);
  same<typeof loaded.done, boolean>(true);
  // @ts-expect-error a name that is not in the schema
  loaded.other;
  using writer = state.begin();
  same<typeof writer.views.step, Uint32Array<ArrayBuffer>>(true);
  same<typeof writer.views.model.deep.er, BigInt64Array<ArrayBuffer>>(true);
  // @ts-expect-error views are filled, not replaced
  writer.views.weights = new Float32Array(4);
}

export async function dynamic(): Promise<void> {
  using state = await openTensors();
  state.set("a", new Float32Array(1));
  state.set("a", new Uint16Array(1), tensor("bf16", [1]));
  state.set("a", 1n, scalar("u64"));
  // @ts-expect-error an array of another type than the spec
  state.set("a", new Float32Array(1), tensor("f64", [1]));
  // @ts-expect-error a number where the spec wants a bigint
  state.set("a", 1, scalar("u64"));
  // @ts-expect-error no typed array
  state.set("a", [1]);
  const a = state.get("a");
  if (a?.dtype === "f32") same<typeof a.data, Float32Array>(true);
  if (a?.dtype === "u64") same<typeof a.data, BigUint64Array>(true);
}

export async function devices(): Promise<void> {
  const device = host();
  const state = await openState(schema);
  const buffers = await allocateBuffers(device, schema);
  same<typeof buffers.weights.current, HostBuffer<"f32">>(true);
  same<typeof buffers.weights.current.array, Float32Array<ArrayBuffer>>(true);
  same<typeof buffers.model.deep.er.current.array, BigInt64Array<ArrayBuffer>>(true);
  gpu({ device, state, buffers });
  const general: Device = device;
  const others = await allocateBuffers(general, schema);
  same<typeof others.step.current.shape, readonly number[]>(true);
  // @ts-expect-error a general buffer has no array
  others.step.current.array;
  // @ts-expect-error buffers of another schema
  gpu({ device, state, buffers: await allocateBuffers(device, { a: scalar("u8") }) });
}

// @ts-expect-error no such dtype
tensor("f31", [1]);
// @ts-expect-error a shape of strings
tensor("f32", ["1"]);
// @ts-expect-error a schema of numbers
defineState({ a: 1 });

textureState({ dimension: "3d", format: "r8unorm", width: 4, depth: 4 });
// @ts-expect-error the slices of a 3D texture are its depth
textureState({ dimension: "3d", format: "r8unorm", width: 4, layers: 4 });
// @ts-expect-error only a 3D texture has a depth
textureState({ format: "r8unorm", width: 4, depth: 4 });
