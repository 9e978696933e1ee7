/** A header is read as the reference reader of safetensors reads it, and what others have put into it is kept. */
import assert from "node:assert/strict";
import { closeSync, ftruncateSync, openSync, statSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import {
  defineState,
  describeState,
  openState,
  openTensors,
  type StateErrorCode,
  tensor,
} from "../../../../gpu/mod.ts";
import { commit } from "../../../../gpu/state/control.ts";
import { layOut } from "../../../../gpu/state/layout.ts";
import { throwsCode } from "../../../support/gpu_errors.ts";
import { temporaryState } from "../../../support/gpu_names.ts";
import { accepted, fileOf, refused, twice } from "../../../support/safetensors_headers.ts";
import { temporaryDirectory } from "../../../support/temporary_directory.ts";

test("what the reference reader accepts is read, but for names that are there twice; what it refuses is foreign", () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, "file");
  const wrong: string[] = [];
  const isRead = (file: Uint8Array): boolean => {
    writeFileSync(path, file);
    try {
      return describeState(path).tensors.length >= 0;
    } catch (error) {
      assert.equal((error as { code?: string }).code, "foreign", String(error));
      return false;
    }
  };
  for (const [what, header] of Object.entries(accepted)) if (!isRead(fileOf(header))) wrong.push(`refused: ${what}`);
  for (const [what, header] of Object.entries({ ...refused, ...twice })) if (isRead(fileOf(header))) wrong.push(`read: ${what}`);
  assert.deepEqual(wrong, []);
});

test("names are what is escaped in them", () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, "file");
  const read = (what: string) => {
    writeFileSync(path, fileOf(accepted[what] as [string, number]));
    const { metadata, tensors } = describeState(path);
    return [metadata, tensors.map(({ name, shape }) => [name, shape])];
  };
  assert.deepEqual(read("metadata by an escaped name"), [{ x: "2" }, [["a", [1]]]]);
  assert.deepEqual(read("a pair of surrogates"), [{}, [["😀", [1]]]]);
  assert.deepEqual(read("an escaped quote and backslashes"), [{}, [['a"\\"\\', [1]]]]);
});

test("metadata of other programs is kept by import, save, load and export", async () => {
  using directory = temporaryDirectory();
  using name = temporaryState();
  const [from, to] = [join(directory.path, "from"), join(directory.path, "to")];
  const metadata = { format: "pt", "\u202e": "x", ["__proto__"]: "y", "1": "z" };
  const kept = (): object =>
    Object.fromEntries(Object.entries(describeState(to).metadata).filter(([name]) => !name.startsWith("criu-aware.")));
  // Also what looks like ours: only we write it.
  const header = JSON.stringify({
    __metadata__: { ...metadata, "criu-aware.references": "[]", "criu-aware.schema": "forged" },
    a: { dtype: "U8", shape: [1], data_offsets: [0, 1] },
  });
  writeFileSync(from, fileOf([header, 1]));
  {
    using tensors = await openTensors({ name: name.name });
    tensors.importFrom(from);
    tensors.exportTo(to);
    assert.deepEqual(kept(), metadata);
    assert.notEqual(describeState(to).metadata["criu-aware.schema"], "forged");
    tensors.set("b", Uint8Array.of(2));
    tensors.save();
  }
  using again = await openTensors({ name: name.name });
  again.load();
  again.save();
  again.exportTo(to);
  assert.deepEqual(kept(), metadata);
  using state = await openState(defineState({ a: tensor("u8", [1]) }), { slots: 2 });
  const { bytes } = state;
  state.importFrom(from);
  state.save({ a: Uint8Array.of(3) });
  state.exportTo(to);
  assert.deepEqual(kept(), metadata);
  assert.deepEqual(state.load(), { a: Uint8Array.of(3) });
  assert.ok(state.bytes >= bytes);
});

test("a file of terabytes of holes is an error at once, by a path and by an import", async () => {
  using directory = temporaryDirectory();
  const path = join(directory.path, "sparse");
  const size = 2 ** 42;
  const header = `{"a":{"dtype":"U8","shape":[${size}],"data_offsets":[0,${size}]}}`;
  const file = fileOf([header, 0]);
  const fd = openSync(path, "w");
  writeSync(fd, file);
  ftruncateSync(fd, file.length + size);
  closeSync(fd);
  assert.ok(statSync(path).blocks < 100);
  throwsCode(() => describeState(path), "foreign", /holes/);
  using tensors = await openTensors({ memory: "heap" });
  throwsCode(() => tensors.importFrom(path), "foreign", /holes/);
});

/** A segment that says it was saved, of one tensor that is a hole. */
function writeSparse(path: string, size: number): void {
  const layout = layOut(new Map([["a", { dtype: "u8" as const, shape: [size] }]]));
  const block = new ArrayBuffer(layout.controlBytes);
  commit(block, { generation: 1, headerChecksum: crc32(layout.header), checksums: [0] });
  const fd = openSync(path, "w");
  writeSync(fd, layout.header);
  writeSync(fd, new Uint8Array(block));
  ftruncateSync(fd, layout.bytes);
  closeSync(fd);
}

test("a named segment of holes takes no memory when it is opened, and is an error where there is not enough to load it", async (context) => {
  if (process.platform !== "linux") return context.skip("needs shared memory");
  using name = temporaryState();
  const takenAfter = async (size: number, code: StateErrorCode): Promise<number> => {
    writeSparse(name.path(), size);
    using state = await openTensors({ name: name.name });
    throwsCode(() => state.load(), code);
    return statSync(name.path()).blocks * 512;
  };
  // With memory for it, its checksum tells.
  assert.ok((await takenAfter(2 ** 26, "corrupt")) >= 2 ** 26);
  assert.ok((await takenAfter(2 ** 42, "space")) < 2 ** 20);
  // The state opens it, and looks whether it is good, before the first save.
  using state = await openState(defineState({ a: tensor("u8", [8]) }), { name: name.name });
  assert.ok(statSync(name.path()).blocks * 512 < 2 ** 20);
  state.save({ a: new Uint8Array(8) });
  assert.deepEqual(state.load(), { a: new Uint8Array(8) });
});
