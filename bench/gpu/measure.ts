/**
 * Measures one size in this runtime, `measure.ts BYTES TENSORS ROUNDS`, and prints the milliseconds of each way as JSON.
 * The ways take turns, so that all see the same noise; the first round only warms up.
 */
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { deserialize, serialize } from "node:v8";
import { openLibc } from "../../ffi/libc.ts";
import { createMemfd } from "../../ffi/shared_memory.ts";
import { openState, openTensors, type TensorSpec, tensor } from "../../gpu/mod.ts";

/** Runtimes refuse, or take minutes for, larger values. */
const SERIALIZED = 2 ** 28;

const [bytes = 0, count = 1, rounds = 1] = process.argv.slice(2).map(Number);
const each = bytes / count;
const schema: Record<string, TensorSpec<"u8">> = {};
const values: Record<string, Uint8Array<ArrayBuffer>> = {};
for (let i = 0; i < count; i++) {
  schema[`t${i}`] = tensor("u8", [each]);
  values[`t${i}`] = new Uint8Array(each).fill(i + 1);
}
const sources = Object.values(values);
const file = join(tmpdir(), `criu-aware-bench-${process.pid}`);

using memory = createMemfd(await openLibc(), "bench", bytes, { sealed: true });
const targets = sources.map((_, i) => new Uint8Array(memory.buffer, i * each, each));
const copies = sources.map(() => new Uint8Array(each).fill(1));
using state = await openState(schema);
using pair = await openState(schema, { slots: 2 });

type Timed = () => number | Promise<number>;
const timed = (action: () => unknown) => (): number => {
  const start = performance.now();
  action();
  return performance.now() - start;
};

const ways: Record<string, Timed> = {
  "memcpy to shared memory": timed(() => {
    for (const [i, source] of sources.entries()) targets[i]?.set(source);
  }),
  "memcpy to warm memory": timed(() => {
    for (const [i, target] of targets.entries()) copies[i]?.set(target);
  }),
  "memcpy to new memory": timed(() => targets.map((target) => target.slice())),
  save: timed(() => state.save(values)),
  "save, two slots": timed(() => pair.save(values)),
  "save, nothing changed": timed(() => state.save(values, { changed: [] })),
  "save, compared": timed(() => state.save(values, { changed: "compare" })),
  verify: timed(() => state.read()[Symbol.dispose]()),
  load: timed(() => state.load()),
  async "first save"() {
    using fresh = await openState(schema);
    return timed(() => fresh.save(values))();
  },
  async "open and first save"() {
    const start = performance.now();
    using fresh = await openTensors();
    for (const [name, value] of Object.entries(values)) fresh.set(name, value);
    fresh.save();
    return performance.now() - start;
  },
  "file and fsync": timed(() => {
    const fd = openSync(file, "w");
    for (const source of sources) for (let done = 0; done < each; ) done += writeSync(fd, source, done);
    fsyncSync(fd);
    closeSync(fd);
  }),
  ...(bytes <= SERIALIZED && {
    structuredClone: timed(() => structuredClone(values)),
    "v8.serialize": timed(() => serialize(values)),
    "v8.deserialize": () => {
      const text = serialize(values);
      return timed(() => deserialize(text))();
    },
  }),
};

const samples: Record<string, number[]> = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
try {
  for (let round = 0; round <= rounds; round++) {
    for (const [name, measure] of Object.entries(ways)) {
      // What ran before leaves other bytes in the caches: without this, whatever comes first would look slow.
      if (/^(memcpy|save|verify|load)/.test(name)) await measure();
      const time = await measure();
      if (round > 0) samples[name]?.push(time);
    }
  }
} finally {
  rmSync(file, { force: true });
}
console.log(JSON.stringify(samples));
