/**
 * Measures a state on a device, `device.ts KIND BYTES TENSORS ROUNDS`, in turns with a memcpy of as many bytes, and prints
 * the milliseconds of each as JSON. The first round only warms up.
 */
import process from "node:process";
import { downloadBuffers, rebuildBuffers, releaseBuffers } from "../../gpu/device/buffers.ts";
import { allocateBuffers, openState, type TensorSpec, tensor } from "../../gpu/mod.ts";
import { type DeviceName, openDevice } from "../../gpu/open_device.ts";

const [kind = "host", bytes = "0", count = "1", rounds = "1"] = process.argv.slice(2);
const each = Number(bytes) / Number(count);
const schema: Record<string, TensorSpec<"u8">> = {};
for (let i = 0; i < Number(count); i++) schema[`t${i}`] = tensor("u8", [each]);

const device = await openDevice(kind as DeviceName);
const { signal } = new AbortController();
using state = await openState(schema);
const buffers = await allocateBuffers(device, schema);
const sources = Object.keys(schema).map((_, i) => new Uint8Array(each).fill(i + 1));

const ways: Record<string, () => unknown> = {
  "memcpy to shared memory"() {
    using writer = state.begin();
    const start = performance.now();
    for (const [i, view] of Object.values(writer.views).entries()) view.set(sources[i] as Uint8Array);
    return performance.now() - start;
  },
  async [`${kind}, save`]() {
    const start = performance.now();
    using writer = state.begin();
    await downloadBuffers(device, schema, buffers, writer.views, signal);
    writer.commit();
    return performance.now() - start;
  },
  async [`${kind}, load`]() {
    await releaseBuffers(device, schema, buffers, signal);
    const start = performance.now();
    using saved = state.read();
    await rebuildBuffers(device, schema, buffers, saved.views);
    return performance.now() - start;
  },
};

const samples: Record<string, number[]> = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
for (let round = 0; round <= Number(rounds); round++) {
  for (const [name, measure] of Object.entries(ways)) {
    const time = (await measure()) as number;
    if (round > 0) samples[name]?.push(time);
  }
}
console.log(JSON.stringify(samples));
// What a driver keeps open must not hold this process.
process.exit(0);
