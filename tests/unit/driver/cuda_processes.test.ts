/** The process checkpoint of NVIDIA's driver on a fake of libcuda: the order of calls, their arguments, and what failures undo. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { after, test } from "node:test";
import { gpuPairs } from "../../../driver/cuda/calls.ts";
import { type CudaProcesses, openCudaProcesses } from "../../../driver/cuda/processes.ts";
import { processTree } from "../../../ffi/process_tree.ts";
import { readOrEmpty } from "../../../ffi/read_or_empty.ts";
import { noCompiler } from "../../support/c_compiler.ts";
import { fakeCuda } from "../../support/cuda_fake.ts";
import { runCommand, runtimes } from "../../support/runtimes.ts";
import { waitFor } from "../../support/time.ts";

const skip = noCompiler();
const fake = skip ? undefined! : await fakeCuda();
after(() => fake?.[Symbol.dispose]());

const [RUNNING, LOCKED, CHECKPOINTED, FAILED] = [0, 1, 2, 3];
const NOT_READY = 600;
const NOT_PERMITTED = 800;

/** The driver's half, and processes in these states; every other pid has no CUDA. */
async function open(processes: Record<number, number | undefined>): Promise<CudaProcesses> {
  fake.reset();
  for (const [pid, state] of Object.entries(processes)) fake.process(Number(pid), state ?? 0);
  const cuda = await openCudaProcesses({ library: fake.library });
  fake.log();
  return cuda;
}

/** The calls that change something, with pid and their one argument. */
function changes(): string[] {
  return fake
    .log()
    .filter((line) => /Process(Lock|Checkpoint|Restore|Unlock)|pair/.test(line))
    .map((line) => line.replace("cuCheckpointProcess", ""));
}

test("all are locked before any is checkpointed; processes without CUDA are left alone", { skip }, async () => {
  using cuda = await open({ 11: RUNNING, 13: RUNNING });
  assert.deepEqual(await cuda.suspend([11, 12, 13], { timeoutMs: 2500 }), [11, 13]);
  assert.deepEqual(changes(), ["Lock 11 2500", "Lock 13 2500", "Checkpoint 11 0", "Checkpoint 13 0"]);
  assert.deepEqual([fake.state(11), fake.state(13)], [CHECKPOINTED, CHECKPOINTED]);
});

test("all are restored before any is unlocked", { skip }, async () => {
  using cuda = await open({ 11: CHECKPOINTED, 13: CHECKPOINTED });
  assert.deepEqual(await cuda.resume([11, 12, 13]), [11, 13]);
  assert.deepEqual(changes(), ["Restore 11 0", "Restore 13 0", "Unlock 11 0", "Unlock 13 0"]);
});

test("resume() does what is left to do, and leaves those that run alone", { skip }, async () => {
  using cuda = await open({ 11: LOCKED, 12: RUNNING });
  assert.deepEqual(await cuda.resume([11, 12]), [11]);
  assert.deepEqual(changes(), ["Unlock 11 0"]);
  assert.deepEqual(await cuda.resume([11, 12]), []);
});

test("one whose work does not end in time refuses, and those that were locked run again", { skip }, async () => {
  using cuda = await open({ 11: RUNNING, 13: RUNNING });
  fake.fail("cuCheckpointProcessLock", NOT_READY, 1);
  await assert.rejects(cuda.suspend([11, 13]), {
    name: "CudaError",
    code: "CUDA_ERROR_NOT_READY",
    message: /^Cannot lock the CUDA work of process 13: CUDA_ERROR_NOT_READY\. Work on the GPU did not end in time/,
  });
  assert.deepEqual(changes(), ["Lock 11 10000", "Lock 13 10000", "Unlock 11 0"]);
  assert.deepEqual([fake.state(11), fake.state(13)], [RUNNING, RUNNING]);
});

test("a checkpoint that fails is undone for all, those before it included", { skip }, async () => {
  using cuda = await open({ 11: RUNNING, 13: RUNNING });
  fake.fail("cuCheckpointProcessCheckpoint", NOT_PERMITTED, 1);
  await assert.rejects(cuda.suspend([11, 13]), {
    result: NOT_PERMITTED,
    call: "checkpoint the CUDA work of process 13",
  });
  assert.deepEqual(changes().slice(4), ["Restore 11 0", "Unlock 11 0", "Unlock 13 0"]);
  assert.deepEqual([fake.state(11), fake.state(13)], [RUNNING, RUNNING]);
});

test("a restore that fails is told, and the others run", { skip }, async () => {
  using cuda = await open({ 11: CHECKPOINTED, 13: CHECKPOINTED });
  fake.fail("cuCheckpointProcessRestore", 2);
  await assert.rejects(cuda.resume([11, 13]), {
    code: "CUDA_ERROR_OUT_OF_MEMORY",
    message: /^Cannot restore the CUDA work of process 11/,
  });
  assert.deepEqual([fake.state(11), fake.state(13)], [CHECKPOINTED, RUNNING]);
});

test("a process that somebody else has locked, or that failed, is refused before any is touched", {
  skip,
}, async () => {
  using cuda = await open({ 11: RUNNING, 13: LOCKED, 14: FAILED });
  await assert.rejects(cuda.suspend([11, 13]), {
    name: "CudaStateError",
    pid: 13,
    state: "locked",
    message: /Another program is at work on it.*cuda-checkpoint --toggle --pid 13/,
  });
  await assert.rejects(cuda.suspend([11, 14]), { pid: 14, state: "failed", message: /restart it/ });
  assert.deepEqual(changes(), []);
});

const uuid = (first: string, last: string): string => `GPU-${first}000000-0000-0000-0000-0000000000${last}`;

test("a map of GPUs is passed to every restore", { skip }, async () => {
  using cuda = await open({ 11: CHECKPOINTED, 13: CHECKPOINTED });
  await cuda.resume([11, 13], { [uuid("01", "02")]: uuid("03", "04"), [uuid("05", "06")]: uuid("ff", "FE") });
  const pairs = [`pair ${0x0102} ${0x0304}`, `pair ${0x0506} ${0xfffe}`];
  assert.deepEqual(changes(), ["Restore 11 2", ...pairs, "Restore 13 2", ...pairs, "Unlock 11 0", "Unlock 13 0"]);
});

test("a map that is none is refused before any process is touched", { skip }, async () => {
  using cuda = await open({ 11: CHECKPOINTED });
  await assert.rejects(cuda.resume([11], { "GPU-1": uuid("01", "02") }), {
    name: "RangeError",
    message: /nvidia-smi -L/,
  });
  const mig = { [uuid("01", "02")]: uuid("03", "04").replace("GPU", "MIG") };
  await assert.rejects(cuda.resume([11], mig), /"MIG-.*is no GPU/);
  assert.throws(() => gpuPairs({ [uuid("01", "02")]: uuid("09", "09"), [uuid("05", "06")]: uuid("09", "09") }), {
    name: "RangeError",
    message: /Cannot restore two GPUs onto GPU-09/,
  });
  assert.deepEqual(changes(), []);
});

test("timers run while the driver works", { skip }, async () => {
  using cuda = await open({ 11: RUNNING });
  let ticks = 0;
  const timer = setInterval(() => ticks++, 1);
  fake.delay(100);
  await cuda.suspend([11]);
  clearInterval(timer);
  assert.ok(ticks > 2, `${ticks}`);
});

for (const runtime of runtimes) {
  test(`a driver in ${runtime} that is killed does not leave processes locked for ever`, { skip }, async () => {
    fake.reset();
    const user = spawn("sleep", ["60"]);
    const pid = user.pid as number;
    fake.process(pid, RUNNING);
    const script = join(import.meta.dirname as string, "../../support/cuda_dying_driver.ts");
    const [program, ...args] = runCommand[runtime] as [string, ...string[]];
    const driver = spawn(program, [...args, script, fake.library, String(pid)], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      await once(driver.stdout, "data");
      assert.equal(fake.state(pid), CHECKPOINTED);
      driver.kill("SIGKILL");
      await waitFor("the process to run", () => fake.state(pid) === RUNNING, 10_000);
      assert.deepEqual(changes().slice(2), [`Restore ${pid} 0`, `Unlock ${pid} 0`]);
    } finally {
      driver.kill("SIGKILL");
      user.kill("SIGKILL");
    }
  });
}

test("after disposal what was handed over stays as it is, and no process is left", { skip }, async () => {
  const user = spawn("sleep", ["60"]);
  const pid = user.pid as number;
  try {
    {
      using cuda = await open({ [pid]: RUNNING });
      await cuda.suspend([pid]);
      assert.equal(guards(), 1);
    }
    await waitFor("its process to end", () => guards() === 0, 10_000);
    assert.equal(fake.state(pid), CHECKPOINTED);
  } finally {
    user.kill("SIGKILL");
  }
});

/** How many processes of ours call the driver. */
function guards(): number {
  const isGuard = (pid: number): boolean => readOrEmpty(`/proc/${pid}/cmdline`).includes(fake.library);
  return processTree(process.pid).filter((pid) => pid !== process.pid && isGuard(pid)).length;
}

test("without a driver, or with one that has no process checkpoint, the error says what to install", {
  skip,
}, async () => {
  await assert.rejects(openCudaProcesses({ library: "libno-such-cuda.so.1" }), { reason: "no driver" });
  using old = await fakeCuda("-DOLD_DRIVER");
  await assert.rejects(openCudaProcesses({ library: old.library }), {
    name: "CudaUnavailableError",
    reason: "driver too old",
    message: /lacks a function\. Install a driver for CUDA 12\.8 \(driver 570\) or newer/,
  });
});
