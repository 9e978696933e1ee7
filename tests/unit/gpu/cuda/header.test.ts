/** What the sources say of CUDA is what the toolkit's cuda.h says. Without one there is nothing to compare with. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gpuPairs, lockArguments, restoreArguments } from "../../../../driver/cuda/calls.ts";
import { cudaCures } from "../../../../ffi/libcuda_errors.ts";
import { constantsIn, noCompiler } from "../../../support/c_compiler.ts";
import { compileWithCuda, cudaInclude, evaluateCuda, prototypes } from "../../../support/cuda_header.ts";
import { temporaryDirectory } from "../../../support/temporary_directory.ts";

const skip = noCompiler() || (cudaInclude() ? false : "no cuda.h: the CUDA toolkit is not installed");
const root = join(import.meta.dirname as string, "../../../..");

function compare(expected: Readonly<Record<string, number | bigint>>): void {
  const theirs = evaluateCuda(Object.keys(expected));
  for (const [expression, value] of Object.entries(expected)) {
    assert.equal(theirs[expression], BigInt(value), expression);
  }
}

/** The symbol tables of a file, as it is written. */
function tableIn(file: string): [name: string, parameters: string[], result: string][] {
  const text = readFileSync(join(root, file), "utf8");
  return [...text.matchAll(/^ {2}(cu\w+): \[\[([^\]]*)\], "(\w+)"\]/gm)].map(([, name, parameters, result]) => [
    name as string,
    [...(parameters as string).matchAll(/"(\w+)"/g)].map(([, type]) => type as string),
    result as string,
  ]);
}

test("our tables have the parameters of cuda.h, under the names that the driver exports", { skip }, () => {
  const table = [...tableIn("ffi/libcuda.ts"), ...tableIn("driver/cuda/calls.ts")];
  assert.ok(table.length > 30, `${table.length}`);
  const theirs = prototypes();
  for (const [name, parameters, result] of table) {
    const ours = parameters.map((type) => (type === "buffer" || type === "usize" ? "address" : type));
    assert.deepEqual(ours, theirs.get(name), name);
    assert.equal(result, "i32", name);
  }
  compare({ "sizeof(CUresult)": 4, "sizeof(CUdevice)": 4, "sizeof(CUdeviceptr)": 8, "sizeof(CUuuid)": 16 });
});

test("our constants are those of cuda.h", { skip }, () => {
  const files = ["gpu/cuda/copies.ts", "gpu/cuda/pinned.ts", "driver/cuda/calls.ts"];
  const ours = Object.assign({}, ...files.map((file) => constantsIn(join(root, file)))) as Record<string, bigint>;
  const known = Object.entries(ours).filter(([name]) => /^CU/.test(name));
  assert.ok(known.length >= 6, `${known.length}`);
  compare(Object.fromEntries(known));
});

test("every error that we know a cure for is one of cuda.h", { skip }, () => {
  const values = evaluateCuda(Object.keys(cudaCures));
  assert.ok(Object.values(values).every((value) => value > 0n));
});

test("the arguments of the process checkpoint are laid out as in cuda.h", { skip }, () => {
  compare({
    "sizeof(CUcheckpointLockArgs)": 64,
    "sizeof(CUcheckpointCheckpointArgs)": 64,
    "sizeof(CUcheckpointRestoreArgs)": 64,
    "sizeof(CUcheckpointUnlockArgs)": 64,
    "sizeof(CUcheckpointGpuPair)": 32,
    "offsetof(CUcheckpointLockArgs, timeoutMs)": 0,
    "offsetof(CUcheckpointRestoreArgs, gpuPairs)": 0,
    "offsetof(CUcheckpointRestoreArgs, gpuPairsCount)": 8,
    "offsetof(CUcheckpointGpuPair, oldUuid)": 0,
    "offsetof(CUcheckpointGpuPair, newUuid)": 16,
    "sizeof(CUprocessState)": 4,
    CU_PROCESS_STATE_RUNNING: 0,
    CU_PROCESS_STATE_LOCKED: 1,
    CU_PROCESS_STATE_CHECKPOINTED: 2,
    CU_PROCESS_STATE_FAILED: 3,
  });
});

test("the fake has the functions of cuda.h", { skip }, () => {
  using directory = temporaryDirectory();
  const source = join(root, "tests/support/fake_cuda.c");
  const library = join(directory.path, "libfakecuda.so");
  assert.equal(compileWithCuda(source, library, "-DWITH_CUDA_H", "-shared", "-fPIC"), "");
});

test("lock and restore arguments are zero but for what is said", () => {
  const lock = lockArguments(2500);
  assert.deepEqual([lock.length, new DataView(lock.buffer).getUint32(0, true)], [64, 2500]);
  assert.ok(lock.subarray(4).every((byte) => byte === 0));
  const restore = restoreArguments(0x1122334455667788n, 3);
  const view = new DataView(restore.buffer);
  assert.deepEqual([restore.length, view.getBigUint64(0, true), view.getUint32(8, true)], [64, 0x1122334455667788n, 3]);
  assert.ok(restore.subarray(12).every((byte) => byte === 0));
});

test("a pair of GPUs is the old UUID and the new one, byte by byte as they are printed", () => {
  const pairs = gpuPairs({ "GPU-00010203-0405-0607-0809-0a0b0c0d0e0f": "GPU-F0F1F2F3-F4F5-F6F7-F8F9-FAFBFCFDFEFF" });
  assert.deepEqual(
    [...pairs],
    Array.from({ length: 32 }, (_, i) => (i < 16 ? i : 0xf0 + i - 16)),
  );
});
