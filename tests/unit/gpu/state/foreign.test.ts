import assert from "node:assert/strict";
import { chownSync, readFileSync, writeFileSync } from "node:fs";
import process from "node:process";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { openState, openTensors, StateError } from "../../../../gpu/mod.ts";
import { rejectsCode, throwsCode } from "../../../support/gpu_errors.ts";
import { temporaryState } from "../../../support/gpu_names.ts";
import { load, randomNumbers, saved, schema, valuesOf } from "../../../support/gpu_saved.ts";
import { readStrictly } from "../../../support/strict_safetensors.ts";

/** A file with this header and, behind it, so many bytes of data. */
function fileOf(header: string, data = 0, pad = true): Uint8Array {
  const text = new TextEncoder().encode(header);
  const start = pad ? Math.ceil((8 + text.length) / 256) * 256 : 8 + text.length;
  const file = new Uint8Array(start + data);
  file.fill(0x20, 8, start);
  file.set(text, 8);
  new DataView(file.buffer).setBigUint64(0, BigInt(start - 8), true);
  return file;
}

test("what is no state of ours is foreign", async () => {
  using temporary = temporaryState();
  await saved(temporary.name, 1, 1);
  const good = readFileSync(temporary.path());
  const meta = '"__metadata__":{"criu-aware.version":"1"}';
  const control = '"criu-aware.control":{"dtype":"U8","shape":[256],"data_offsets":[0,256]}';
  const with_ = (...members: string[]): string => `{${[meta, control, ...members].join(",")}}`;
  const long = Buffer.concat([good, Buffer.alloc(1)]);
  const files: Record<string, Uint8Array> = {
    zeros: new Uint8Array(4096),
    text: new TextEncoder().encode("#!/bin/sh\n".repeat(100)),
    "a header of 2^60 bytes": new Uint8Array(BigUint64Array.of(2n ** 60n, 0n).buffer),
    "a header larger than the format allows": new Uint8Array(BigUint64Array.of(100_000_248n, 0n).buffer),
    "no JSON": fileOf("{no json}"),
    "no UTF-8": fileOf(`{"__metadata__":{"criu-aware.version":"1","note":"#"},${control}}`, 256).map((byte) =>
      byte === 0x23 ? 0xff : byte,
    ),
    "an end that does not fit the shape": fileOf(with_('"a":{"dtype":"U8","shape":[1],"data_offsets":[256,999]}'), 257),
    "an array": fileOf("[]"),
    null: fileOf("null"),
    "no metadata": fileOf(`{${control}}`, 256),
    "another version": fileOf(`{"__metadata__":{"criu-aware.version":"2"},${control}}`, 256),
    "metadata that is no object": fileOf(`{"__metadata__":3,${control}}`, 256),
    "no control block": fileOf(`{${meta}}`),
    "a control block of another size": fileOf(
      `{${meta},"criu-aware.control":{"dtype":"U8","shape":[512],"data_offsets":[0,512]}}`,
      512,
    ),
    "a control block of another type": fileOf(
      `{${meta},"criu-aware.control":{"dtype":"I8","shape":[256],"data_offsets":[0,256]}}`,
      256,
    ),
    "a byte behind the end": long,
    "data that is not aligned": fileOf(`{${meta},${control}}`, 256, false),
    "a hole": fileOf(with_('"a":{"dtype":"U8","shape":[1],"data_offsets":[512,513]}'), 513),
    "an overlap": fileOf(with_('"a":{"dtype":"U8","shape":[256],"data_offsets":[0,256]}'), 256),
    "a tensor that is not aligned": fileOf(
      with_(
        '"a":{"dtype":"U8","shape":[1],"data_offsets":[256,257]}',
        '"b":{"dtype":"U8","shape":[1],"data_offsets":[257,258]}',
      ),
      258,
    ),
    "an unknown dtype": fileOf(with_('"a":{"dtype":"F4","shape":[1],"data_offsets":[256,257]}'), 257),
    "a dtype out of a prototype": fileOf(
      with_('"a":{"dtype":"constructor","shape":[1],"data_offsets":[256,257]}'),
      257,
    ),
    "a shape of strings": fileOf(with_('"a":{"dtype":"U8","shape":["1"],"data_offsets":[256,257]}'), 257),
    "a negative length": fileOf(with_('"a":{"dtype":"U8","shape":[-1],"data_offsets":[256,255]}'), 256),
    "a fraction": fileOf(with_('"a":{"dtype":"U8","shape":[1.5],"data_offsets":[256,257.5]}'), 257),
    "a shape that overflows to 0": fileOf(
      with_('"a":{"dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[256,256]}'),
      256,
    ),
    "a shape that overflows before a 0": fileOf(
      with_('"a":{"dtype":"U8","shape":[4294967296,4294967296,0],"data_offsets":[256,256]}'),
      256,
    ),
    "offsets that overflow": fileOf(
      with_('"a":{"dtype":"U8","shape":[0],"data_offsets":[9007199254740991,9007199254740991]}'),
      256,
    ),
    "three offsets": fileOf(with_('"a":{"dtype":"U8","shape":[1],"data_offsets":[256,257,258]}'), 257),
    "no shape": fileOf(with_('"a":{"dtype":"U8","data_offsets":[256,257]}'), 257),
    "an entry that is null": fileOf(with_('"a":null'), 256),
    "an entry under __proto__": fileOf(with_('"__proto__":{"dtype":"U8","shape":[1]}'), 256),
    "an entry that inherits": fileOf(
      with_('"a":{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[256,257]}}'),
      257,
    ),
  };
  for (const [what, file] of Object.entries(files)) {
    writeFileSync(temporary.path(), file);
    await rejectsCode(load(temporary.name), "foreign", /Use another name/).catch((error: Error) =>
      assert.fail(`${what}: ${error.message}`),
    );
    using tensors = await openTensors({ name: temporary.name });
    tensors.set("kept", Uint8Array.of(1));
    throwsCode(() => tensors.load(), "foreign");
    assert.deepEqual([...tensors.tensors.keys()], ["kept"]);
  }
});

test("a control block whose own checksum is right is still not believed when it cannot be", async () => {
  using temporary = temporaryState();
  await saved(temporary.name, 1, 1);
  const good = readFileSync(temporary.path());
  const { dataStart } = readStrictly(good);
  const forge = (at: number, bytes: Uint8Array): void => {
    const file = Buffer.from(good);
    file.set(bytes, dataStart + at);
    file.writeUInt32LE(crc32(file.subarray(dataStart + 8, dataStart + 256)), dataStart + 4);
    writeFileSync(temporary.path(), file);
  };
  forge(8, new Uint8Array(BigUint64Array.of(5n).buffer));
  assert.deepEqual(await load(temporary.name), valuesOf(1));
  forge(8, new Uint8Array(BigUint64Array.of(2n ** 53n - 1n).buffer));
  await rejectsCode(load(temporary.name), "corrupt", /control block/);
  forge(20, Uint8Array.of(2));
  await rejectsCode(load(temporary.name), "corrupt", /control block/);
});

test("random bytes are never loaded", async () => {
  using temporary = temporaryState();
  const random = randomNumbers(7);
  for (let round = 0; round < 300; round++) {
    const file = Uint8Array.from({ length: random(2000) + 1 }, () => random(256));
    // Every other one with a header length that is possible.
    if (round % 2 && file.length > 300) file.set(new Uint8Array(BigUint64Array.of(248n).buffer));
    writeFileSync(temporary.path(), file);
    const error = await load(temporary.name).catch((reason: unknown) => reason);
    assert.ok(error instanceof StateError, String(error));
  }
});

test("what is no state of ours is replaced by a save", async () => {
  using temporary = temporaryState();
  writeFileSync(temporary.path(), "something else");
  using state = await openState(schema, { name: temporary.name });
  state.save(valuesOf(1));
  assert.deepEqual(state.load(), valuesOf(1));
});

test("shared memory that another user owns is refused", async (context) => {
  if (process.getuid?.() !== 0) return context.skip("needs root");
  using temporary = temporaryState();
  await saved(temporary.name, 1, 1);
  chownSync(temporary.path(), 12345, 12345);
  await rejectsCode(load(temporary.name), "foreign", /belongs to user 12345/);
});
