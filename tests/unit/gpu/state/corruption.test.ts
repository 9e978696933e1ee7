import assert from "node:assert/strict";
import { readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { openState, StateError, tensor } from "../../../../gpu/mod.ts";
import { rejectsCode, throwsCode } from "../../../support/gpu_errors.ts";
import { temporaryState } from "../../../support/gpu_names.ts";
import { load, patch, randomNumbers, saved, schema, valuesOf } from "../../../support/gpu_saved.ts";
import { readStrictly } from "../../../support/strict_safetensors.ts";

test("one changed byte anywhere is an error or does no harm, never a wrong value", async () => {
  using temporary = temporaryState();
  await saved(temporary.name, 1, 3);
  const good = readFileSync(temporary.path());
  using state = await openState(schema, { name: temporary.name });
  const random = randomNumbers(1);
  const codes = new Set<string>();
  for (let round = 0; round < 3000; round++) {
    const at = round < good.length ? round : random(good.length);
    patch(temporary.path(), at, Uint8Array.of((good[at] as number) ^ (1 << random(8))));
    try {
      assert.deepEqual(state.load(), valuesOf(3), `byte ${at}`);
      codes.add("harmless");
    } catch (error) {
      assert.ok(error instanceof StateError, `byte ${at}: ${String(error)}`);
      codes.add(error.code);
    }
    patch(temporary.path(), at, good.subarray(at, at + 1));
  }
  assert.deepEqual(state.load(), valuesOf(3));
  for (const code of ["harmless", "corrupt", "foreign", "truncated"]) assert.ok(codes.has(code), code);
});

test("a changed byte of a tensor is corrupt and the tensor is named", async () => {
  using temporary = temporaryState();
  await saved(temporary.name, 1, 1);
  const { tensors, dataStart } = readStrictly(readFileSync(temporary.path()));
  const { begin } = tensors.get("model.bias")!;
  patch(temporary.path(), dataStart + begin + 3, Uint8Array.of(0xff));
  using state = await openState(schema, { name: temporary.name });
  throwsCode(() => state.load(), "corrupt", /model\.bias/);
  throwsCode(() => state.read(), "corrupt", /model\.bias/);
});

test("a changed byte of the control block, or of the padding of the header, is corrupt", async () => {
  using temporary = temporaryState();
  await saved(temporary.name, 1, 1);
  const good = readFileSync(temporary.path());
  const { dataStart } = readStrictly(good);
  for (const at of [dataStart, dataStart + 4, dataStart + 8, dataStart + 16, dataStart + 24, dataStart + 255]) {
    patch(temporary.path(), at, Uint8Array.of((good[at] as number) ^ 2));
    await rejectsCode(load(temporary.name), "corrupt", /control block/);
    writeFileSync(temporary.path(), good);
  }
  const padded = good.lastIndexOf("}", dataStart) + 1;
  assert.ok(padded < dataStart);
  patch(temporary.path(), padded, Uint8Array.of(0x0a));
  await rejectsCode(load(temporary.name), "corrupt");
});

test("a commit word that says unfinished or empty is believed", async () => {
  using temporary = temporaryState();
  await saved(temporary.name, 1, 1);
  const { dataStart } = readStrictly(readFileSync(temporary.path()));
  patch(temporary.path(), dataStart, new Uint8Array(4));
  await rejectsCode(load(temporary.name), "empty");
  patch(temporary.path(), dataStart, new Uint8Array(Uint32Array.of(0x57524954).buffer));
  await rejectsCode(load(temporary.name), "unfinished");
});

test("a file cut at any length is truncated, whether it was open or not, and can be saved to again", async () => {
  using temporary = temporaryState();
  await saved(temporary.name, 1, 1);
  const good = readFileSync(temporary.path());
  for (const length of [0, 1, 7, 8, 100, 255, 256, 700, good.length - 1]) {
    truncateSync(temporary.path(), length);
    await rejectsCode(load(temporary.name), "truncated", /Save the state again/);
    writeFileSync(temporary.path(), good);
    using state = await openState(schema, { name: temporary.name });
    truncateSync(temporary.path(), length);
    throwsCode(() => state.load(), "truncated");
    state.save(valuesOf(5));
    assert.deepEqual(state.load(), valuesOf(5));
    assert.equal(readFileSync(temporary.path()).length, good.length);
  }
});

test("a save over a sparse file takes all its memory first, because a full /dev/shm would kill the process", async () => {
  using temporary = temporaryState();
  const large = { bytes: tensor("u8", [2 ** 20]) };
  const taken = (): number => statSync(temporary.path()).blocks * 512;
  {
    using state = await openState(large, { name: temporary.name });
    assert.ok(taken() >= state.bytes);
  }
  using state = await openState(large, { name: temporary.name });
  const file = readFileSync(temporary.path());
  truncateSync(temporary.path(), 0);
  truncateSync(temporary.path(), file.length);
  patch(temporary.path(), 0, file.subarray(0, readStrictly(file).dataStart));
  assert.ok(taken() < state.bytes);
  using _ = state.begin();
  assert.ok(taken() >= state.bytes);
});
