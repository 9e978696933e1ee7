/** Tensors that are kept in a file and not copied. */
import assert from "node:assert/strict";
import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { describeState, openState, openTensors, tensor } from "../../../../gpu/mod.ts";
import { throwsCode } from "../../../support/gpu_errors.ts";
import { temporaryState } from "../../../support/gpu_names.ts";
import { patch } from "../../../support/gpu_saved.ts";
import { readStrictly } from "../../../support/strict_safetensors.ts";
import { temporaryDirectory } from "../../../support/temporary_directory.ts";

const weights = Float32Array.from({ length: 5000 }, (_, i) => i / 7);

async function writeWeights(path: string): Promise<void> {
  using state = await openTensors();
  state.set("layer", weights, tensor("f32", [50, 100]));
  state.save();
  state.exportTo(path);
}

test("a reference takes no memory in the state, and is read again from its file", async () => {
  using directory = temporaryDirectory();
  using temporary = temporaryState();
  const path = join(directory.path, "weights.safetensors");
  await writeWeights(path);
  {
    using state = await openTensors({ name: temporary.name });
    state.set("step", Uint32Array.of(3));
    state.set("w", weights);
    state.refer("w", path, "layer");
    state.save();
    state.load();
    // Loaded, and a reference all the same.
    state.save();
  }
  const { tensors } = readStrictly(readFileSync(temporary.path()));
  assert.deepEqual(
    [...tensors.keys()].filter((name) => !name.startsWith("criu-aware.")),
    ["step"],
  );
  using state = await openTensors({ name: temporary.name });
  state.load();
  assert.deepEqual(state.get("w"), { dtype: "f32", shape: [50, 100], data: weights });
  assert.deepEqual(state.get("step")?.data, Uint32Array.of(3));
  assert.equal(state.references.get("w")?.path, path);
  assert.deepEqual(
    describeState(temporary.path()).references.map(({ name }) => name),
    ["w"],
  );
  state.set("w", Uint8Array.of(1));
  state.save();
  state.load();
  assert.deepEqual([state.get("w")?.data, state.references.size], [Uint8Array.of(1), 0]);
});

test("a file that is gone, or whose tensor has changed, is an error, and nothing is loaded", async () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, "weights.safetensors");
  await writeWeights(path);
  const good = readFileSync(path);
  using state = await openTensors({ slots: 2 });
  state.refer("layer", path);
  state.save();
  state.set("mine", Uint8Array.of(1));
  const { tensors, dataStart } = readStrictly(good);
  patch(path, dataStart + (tensors.get("layer")?.end as number) - 1, Uint8Array.of(9));
  throwsCode(() => state.load(), "reference", /the bytes of layer have changed/);
  writeFileSync(path, good.subarray(0, -1));
  throwsCode(() => state.load(), "reference");
  renameSync(path, `${path}.away`);
  throwsCode(() => state.load(), "reference", /ENOENT/);
  {
    using other = await openTensors();
    other.set("layer", weights);
    other.save();
    other.exportTo(path);
  }
  throwsCode(() => state.load(), "reference", /f32 \[5000\] there, and was f32 \[50, 100\]/);
  assert.deepEqual([...state.tensors.keys()], ["mine"]);
  rmSync(path);
  renameSync(`${path}.away`, path);
  writeFileSync(path, good);
  state.load();
  assert.deepEqual(state.get("layer")?.data, weights);
});

test("what cannot be referred to is refused at once", async () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, "weights.safetensors");
  using state = await openTensors();
  throwsCode(() => state.refer("layer", path), "reference", /ENOENT/);
  await writeWeights(path);
  throwsCode(() => state.refer("other", path), "reference", /no tensor "other"/);
  assert.equal(state.references.size, 0);
});

test("references travel with an exported file, and a schema refuses them", async () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, "weights.safetensors");
  const exported = join(directory.path, "state.safetensors");
  await writeWeights(path);
  using state = await openTensors();
  state.refer("layer", path);
  state.set("step", Uint8Array.of(3));
  state.save();
  state.exportTo(exported);
  using other = await openTensors();
  other.importFrom(exported);
  assert.deepEqual(other.get("layer")?.data, weights);
  using typed = await openState({ step: tensor("u8", [1]) });
  throwsCode(() => typed.importFrom(exported), "schema", /references/);
});
