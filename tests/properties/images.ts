import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { buildIdOf } from "../../images/build_id.ts";
import { readClocks } from "../../images/clocks.ts";
import { ClockTimesSchema } from "../../images/clocks_pb.ts";
import { MemorySchema } from "../../images/memory_pb.ts";
import { ImageError, readImages } from "../../images/mod.ts";
import type { Images } from "../../images/types.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";
import { CHILD, image, message, writeImages } from "../support/written_images.ts";
import type { Border } from "./border.ts";
import { orError } from "./expect.ts";
import { damaged } from "./inputs.ts";

const address = fc.oneof(
  fc.constantFrom(0n, 0x1000n, 2n ** 63n, 2n ** 64n - 1n),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
);
const mapping = fc.record({
  start: address,
  end: address,
  shmid: address,
  status: fc.constantFrom(0x201, 0x101, 0x501),
});
/** Mappings that are well written and anywhere. */
const memories = fc
  .tuple(fc.array(mapping, { maxLength: 3 }), fc.array(address, { maxLength: 4 }))
  .map(([vmas, mmSavedAuxv]) => image("mm", message(MemorySchema, { exeFileId: 1, vmas, mmSavedAuxv })));

/** The image files of a dump, one of which is damaged: every kind that is decoded. */
export const images: Border = {
  name: "images",
  runs: 300,
  open(cleanup) {
    const directory = temporaryDirectory();
    cleanup.defer(() => directory[Symbol.dispose]());
    const time = { tvSec: 5n, tvNsec: 7n };
    const clocks = image("timens", message(ClockTimesSchema, { monotonic: time, boottime: time }));
    writeImages(directory.path, { "timens-0.img": clocks });
    const names = readdirSync(directory.path).filter((name) => !/^pages-|\.log$/.test(name));
    const good = new Map(names.map((name) => [name, new Uint8Array(readFileSync(join(directory.path, name)))]));
    const given = fc.oneof(
      {
        weight: 9,
        arbitrary: fc
          .constantFrom(...names)
          .chain((name) => fc.tuple(fc.constant(name), damaged(fc.constant(good.get(name) as Uint8Array)))),
      },
      { weight: 1, arbitrary: memories.map((bytes) => [`mm-${CHILD}.img`, bytes] as [string, Uint8Array]) },
    );
    return fc.property(given, ([name, bytes]) => {
      writeFileSync(join(directory.path, name), bytes);
      try {
        const found = orError(() => readImages(directory.path), ImageError);
        if (found) isDump(found);
        for (const { monotonic, boottime } of orError(() => readClocks(directory.path), ImageError) ?? [])
          assert.ok(monotonic >= 0n && boottime >= 0n);
      } finally {
        writeFileSync(join(directory.path, name), good.get(name) as Uint8Array);
      }
    });
  },
};

function isDump({ processes, shared, ghosts, pageBytes, dump, bytes }: Images): void {
  const isSize = (size: number): void => assert.ok(Number.isFinite(size) && size >= 0, `${size} bytes`);
  assert.ok([4096, 16_384, 65_536].includes(pageBytes));
  assert.equal(new Set(processes.map(({ pid }) => pid)).size, processes.length);
  for (const { pid, memory, descriptors, threads, executable } of processes) {
    for (const id of [pid, ...threads, ...descriptors.map(({ fd }) => fd)])
      assert.ok(Number.isSafeInteger(id) && id >= 0);
    for (const size of Object.values(memory)) isSize(size);
    isSize(executable?.bytes ?? 0);
  }
  for (const one of shared) for (const size of [one.bytes, one.imageBytes]) isSize(size);
  for (const ghost of ghosts) isSize(ghost.bytes);
  for (const count of Object.values(dump ?? {})) isSize(count);
  isSize(bytes);
}

/** The beginning of a program, as its build id is looked for there. */
const program = fc
  .record({
    at: fc.oneof(fc.constant(64n), address),
    entryBytes: fc.oneof(fc.constant(56), fc.nat(65_535)),
    entries: fc.oneof(fc.constant(1), fc.nat(65_535)),
    kind: fc.constantFrom(4, 4, 1),
    offset: fc.oneof(fc.constant(120n), address),
    bytes: fc.oneof(fc.constant(24n), address),
  })
  .map(({ at, entryBytes, entries, kind, offset, bytes }) => {
    const file = Buffer.alloc(200);
    file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
    file.writeBigUInt64LE(at, 32);
    file.writeUInt16LE(entryBytes, 54);
    file.writeUInt16LE(entries, 56);
    file.writeUInt32LE(kind, 64);
    file.writeBigUInt64LE(offset, 72);
    file.writeBigUInt64LE(bytes, 96);
    // A note: sizes of its name and its content, its type, the name.
    for (const [i, word] of [4, 8, 3].entries()) file.writeUInt32LE(word, 120 + 4 * i);
    file.write("GNU\0abcdefgh", 132);
    return new Uint8Array(file);
  });

/** The program that a dumped process runs. */
export const buildId: Border = {
  name: "build-id",
  runs: 1000,
  open(cleanup) {
    const directory = temporaryDirectory();
    cleanup.defer(() => directory[Symbol.dispose]());
    const path = join(directory.path, "program");
    return fc.property(fc.oneof(program, damaged(program)), (bytes) => {
      writeFileSync(path, bytes);
      const found = orError(() => buildIdOf(path), ImageError);
      assert.ok(found === undefined || /^([0-9a-f]{2})+$/.test(found));
    });
  },
};
