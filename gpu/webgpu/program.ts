import type { Objects } from "./objects.ts";
import type { Recipes } from "./recipes.ts";
import type { GpuBuffer, GpuDevice } from "./types.ts";

/** What the app's code on the device works with. Good until its call ends: after a checkpoint all are new. */
export interface Gpu extends Objects {
  /** For what no recipe makes: encoders, the queue, buffers of one call. */
  readonly device: GpuDevice;
  /** The buffer of a tensor, by its full name in the schema. */
  buffer(name: string): GpuBuffer;
}

/**
 * A module of the app with its code for a device. Its exported functions whose first parameter is a `Gpu` can be called
 * from outside; what they take and return may cross a thread, so it must be good for structuredClone. It is loaded where
 * the device is, and in a worker again after each checkpoint: what must last belongs into the state.
 *
 * @example
 * ```ts
 * import type { Gpu, Recipes } from "criu-aware/gpu/webgpu";
 *
 * export const recipes: Recipes = {
 *   shaders: {
 *     double: `@group(0) @binding(0) var<storage, read_write> w: array<f32>;
 *       @compute @workgroup_size(64) fn main(@builtin(global_invocation_id) id: vec3u) { w[id.x] *= 2; }`,
 *   },
 *   computePipelines: { double: { shader: "double" } },
 *   bindGroups: { weights: { layout: { pipeline: "double", group: 0 }, entries: { 0: { buffer: "weights" } } } },
 * };
 *
 * export function double(gpu: Gpu, workgroups: number): void {
 *   const encoder = gpu.device.createCommandEncoder();
 *   const pass = encoder.beginComputePass();
 *   pass.setPipeline(gpu.computePipeline("double"));
 *   pass.setBindGroup(0, gpu.bindGroup("weights"));
 *   pass.dispatchWorkgroups(workgroups);
 *   pass.end();
 *   gpu.device.queue.submit([encoder.finish()]);
 * }
 * ```
 */
export interface Program {
  /** What is made anew after each recovery, by name. */
  readonly recipes?: Recipes;
}

/** @internal */
export type Call = (gpu: Gpu, ...args: never[]) => unknown;
/**
 * The functions of a program, by name.
 * @internal
 */
export type NamesOf<P> = { [K in keyof P]: P[K] extends Call ? K : never }[keyof P] & string;
/**
 * What a function takes after its `Gpu`.
 * @internal
 */
export type ArgumentsOf<F> = F extends (gpu: Gpu, ...args: infer A) => unknown ? A : never;
/**
 * What a function gives, awaited.
 * @internal
 */
export type ResultOf<F> = F extends (...args: never[]) => infer R ? Awaited<R> : never;

/** Calls a function of the program `P` without its first parameter. */
export type Caller<P extends Program> = <N extends NamesOf<P>>(
  name: N,
  ...args: ArgumentsOf<P[N]>
) => Promise<ResultOf<P[N]>>;

/** The function of a program that has this name. Throws RangeError when there is none. */
export function callOf(program: Program, name: string): (gpu: Gpu, ...args: unknown[]) => unknown {
  const found = Object.hasOwn(program, name) ? (program as Record<string, unknown>)[name] : undefined;
  if (typeof found === "function") return found as (gpu: Gpu, ...args: unknown[]) => unknown;
  throw new RangeError(`Cannot call ${name}: the program of this device exports no such function.`);
}
