/** A model on WebGPU as the tests have it: the program of `webgpu_program.ts`, its state and its resource. */
import { bindBuffers } from "../../gpu/device/bind.ts";
import {
  allocateBuffers,
  type Buffers,
  defineState,
  openState,
  type ScalarSpec,
  type State,
  scalar,
  type TensorSpec,
  tensor,
} from "../../gpu/mod.ts";
import { type WebGpuBufferKind, type WebGpuDevice, type WebGpuOptions, webgpu } from "../../gpu/webgpu/mod.ts";
import { type GpuResource, gpu } from "../../resources/gpu.ts";

type ModelSchema = {
  readonly model: { readonly numbers: TensorSpec<"u32"> };
  readonly step: ScalarSpec<"u32">;
  readonly odd: TensorSpec<"u8">;
  readonly none: TensorSpec<"f32">;
};

const schema: ModelSchema = defineState({
  model: { numbers: tensor("u32", [1000]) },
  step: scalar("u32"),
  odd: tensor("u8", [7]),
  none: tensor("f32", [0]),
});

type Program = typeof import("./webgpu_program.ts");

export interface Model extends Disposable {
  readonly device: WebGpuDevice<Program>;
  readonly state: State<ModelSchema>;
  readonly buffers: Buffers<ModelSchema, WebGpuBufferKind>;
  readonly resource: GpuResource;
}

export async function openModel(options: WebGpuOptions = {}): Promise<Model> {
  const program = new URL("./webgpu_program.ts", import.meta.url);
  const device = await webgpu<Program>({ program, ...options });
  const state = await openState(schema, { slots: 2 });
  const buffers = await allocateBuffers(device, schema);
  await bindBuffers(device, schema, buffers);
  const resource = gpu({ name: "model", device, state, buffers });
  const dispose = (): void => {
    device[Symbol.dispose]();
    state[Symbol.dispose]();
  };
  return { device, state, buffers, resource, [Symbol.dispose]: dispose };
}
