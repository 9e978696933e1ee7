import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { openLibc } from "../../../../ffi/libc.ts";
import { copyWithChecksum } from "../../../../gpu/state/checksum.ts";
import { codeForX64, openCopy } from "../../../../gpu/state/copy_code.ts";
import { noCompiler } from "../../../support/c_compiler.ts";
import { temporaryDirectory } from "../../../support/temporary_directory.ts";

const copy = openCopy(await openLibc());
const GUARD = 0xa5;

function pattern(bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => (i * 7919) >> 3);
}

test("the machine code is used where the processor has VPCLMULQDQ, and nowhere else", () => {
  const has = process.arch === "x64" && /^flags.* vpclmulqdq\b/m.test(readFileSync("/proc/cpuinfo", "utf8"));
  assert.equal(copy !== copyWithChecksum, has);
});

for (const [name, copyBytes] of Object.entries({ openCopy: copy, copyWithChecksum })) {
  test(`${name}: every byte, the right crc32, and nothing beside the target, of any length and alignment`, () => {
    const source = pattern(300_064);
    const target = new Uint8Array(300_128);
    const lengths = [0, 1, 127, 16_383, 16_384, 16_385, 16_511, 16_512, 131_072, 131_073, 262_144, 300_000];
    for (const length of lengths) {
      for (const [fromOffset, toOffset] of [
        [0, 0],
        [0, 32],
        [1, 64],
        [64, 1],
        [17, 16],
      ] as const) {
        target.fill(GUARD);
        const from = source.subarray(fromOffset, fromOffset + length);
        const to = target.subarray(toOffset, toOffset + length);
        const at = `${length} bytes from ${fromOffset} to ${toOffset}`;
        assert.equal(copyBytes(from, to), crc32(from), at);
        assert.equal(Buffer.compare(from, to), 0, at);
        assert.ok(
          target.subarray(0, toOffset).every((byte) => byte === GUARD),
          at,
        );
        assert.ok(
          target.subarray(toOffset + length).every((byte) => byte === GUARD),
          at,
        );
      }
    }
  });

  test(`${name} takes shared memory of JavaScript, too`, () => {
    const from = new Uint8Array(new SharedArrayBuffer(100_000));
    from.set(pattern(100_000));
    const to = new Uint8Array(100_000);
    assert.equal(copyBytes(from, to), crc32(pattern(100_000)));
    assert.equal(Buffer.compare(pattern(100_000), to), 0);
  });
}

const skip = process.arch === "x64" ? noCompiler() : "not the assembler of this processor";

test("the machine code is what its source says", { skip }, () => {
  using directory = temporaryDirectory();
  const object = join(directory.path, "copy.o");
  const code = join(directory.path, "copy.bin");
  execFileSync("as", ["-o", object, join(import.meta.dirname as string, "../../../../gpu/state/copy_x64.s")]);
  execFileSync("objcopy", ["-O", "binary", "-j", ".text", object, code]);
  assert.equal(readFileSync(code).toString("hex"), codeForX64);
});
