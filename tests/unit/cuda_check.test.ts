/** gpu_check without a GPU: what it says then, and its way through on a fake. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { busSpeed } from "../../scripts/gpu_check/bus.ts";
import { noCompiler } from "../support/c_compiler.ts";
import { fakeCuda } from "../support/cuda_fake.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const skip = noCompiler();
const root = join(import.meta.dirname as string, "../..");

function check(...args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const command = [join(root, "scripts/gpu_check.ts"), ...args];
  return spawnSync(join(root, "node_modules/.bin/bun"), command, { encoding: "utf8" });
}

test("without a driver it says what is missing, a line each, and measures nothing", () => {
  const { status, stdout, stderr } = check("--library", "libno-such-cuda.so.1", "--no-criu");
  assert.equal(stderr, "");
  assert.match(stdout, /^missing Cannot use CUDA: there is no libno-such-cuda\.so\.1\. Install NVIDIA's driver.*$/m);
  assert.doesNotMatch(stdout, /GB\/s/);
  assert.equal(status, 1);
});

test("on a fake every GPU is saved, verified and restored, and it says that it is no GPU", { skip }, async () => {
  using fake = await fakeCuda();
  const args = ["--library", fake.library, "--size", "1", "2", "--no-criu", "--no-webgpu"];
  const { status, stdout, stderr } = check(...args, "--json");
  assert.equal(status, 0, stderr);
  const { rows, missing, failed } = JSON.parse(stdout) as {
    rows: { device: string; bytes: number; exact: boolean }[];
    missing: string[];
    failed: string[];
  };
  assert.deepEqual(
    rows.map(({ device, bytes, exact }) => [device, bytes / 2 ** 20, exact]),
    [0, 1].flatMap((gpu) => [1, 2].map((mib) => [`Fake GPU ${gpu}`, mib, true])),
  );
  assert.deepEqual([missing, failed], [[], []]);
  assert.match(check(...args).stdout, /is not the driver's library: no figure here is one of a GPU/);
});

test("bytes that come back wrong are shown, and make it fail", { skip }, async () => {
  using fake = await fakeCuda("-DWRONG");
  const { status, stdout } = check("--library", fake.library, "--size", "1", "--no-criu", "--no-webgpu");
  assert.match(stdout, /WRONG/);
  assert.equal(status, 1);
});

test("the speed of the bus is that of the link's lanes, without what its encoding takes", () => {
  using directory = temporaryDirectory();
  const gpu = { name: "x", uuid: "GPU-0", memoryBytes: 1, pciBusId: "00000000:8A:00.0" };
  assert.equal(busSpeed(gpu, directory.path), undefined);
  const device = join(directory.path, "0000:8a:00.0");
  mkdirSync(device);
  writeFileSync(join(device, "max_link_speed"), "32.0 GT/s PCIe\n");
  writeFileSync(join(device, "max_link_width"), "16\n");
  assert.equal(Math.round((busSpeed(gpu, directory.path) as number) / 1e8), 630);
  writeFileSync(join(device, "max_link_speed"), "5.0 GT/s PCIe\n");
  writeFileSync(join(device, "max_link_width"), "8\n");
  assert.equal(busSpeed(gpu, directory.path), 4e9);
});
