/** Dump and restore with `cuda` through real CRIU, the process checkpoint of NVIDIA's driver being a fake. */
import { expect, test } from "bun:test";
import { existsSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { command, rpc } from "criu-aware/driver";
import { commandLine } from "../../ffi/command_line.ts";
import { App } from "../support/app.ts";
import { noCompiler } from "../support/c_compiler.ts";
import { runCli } from "../support/cli.ts";
import { type FakeCuda, fakeCuda } from "../support/cuda_fake.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const RUNNING = 0;
const CHECKPOINTED = 2;
const NOT_READY = 600;

for (const [name, engine] of Object.entries({ rpc, command })) {
  test.skipIf(noCompiler() !== false)(`${name}: CUDA is handed over after ready, and always taken back`, async () => {
    using fake = await fakeCuda();
    using directory = temporaryDirectory();
    await using app = await App.start("bun");
    const { pid } = app;
    fake.reset();
    fake.process(pid, RUNNING);
    const { dump, restore } = engine();
    const cuda = { library: fake.library };
    const images = (round: string): { pid: number; imagesDir: string; cuda: typeof cuda } => ({
      pid,
      imagesDir: join(directory.path, round),
      cuda,
    });

    await dump({ ...images("left"), leaveRunning: true });
    expect(fake.state(pid)).toBe(RUNNING);

    const seen: number[] = [];
    const onHook = (hook: string): void => {
      seen.push(fake.state(pid));
      if (hook === "post-dump") throw new Error("no");
    };
    await expect(dump({ ...images("failed"), onHook })).rejects.toThrow("no");
    expect([seen[0], seen.at(-1), fake.state(pid)]).toEqual([CHECKPOINTED, CHECKPOINTED, RUNNING]);

    fake.fail("cuCheckpointProcessLock", NOT_READY);
    await expect(dump(images("busy"))).rejects.toThrow("CUDA_ERROR_NOT_READY");
    expect(fake.state(pid)).toBe(RUNNING);

    await dump(images("good"));
    expect(fake.state(pid)).toBe(CHECKPOINTED);
    await app.ended();
    const { processes } = await restore({ imagesDir: join(directory.path, "good"), cuda });
    expect(fake.state(pid)).toBe(RUNNING);
    expect(processes[0]?.outcome).toBe("restored");
  });
}

/** A dump whose CUDA work is in the hands of the driver, and an environment in which a command finds that driver. */
async function handedOver(fake: FakeCuda, directory: string, app: App): Promise<Record<string, string>> {
  fake.reset();
  fake.process(app.pid, RUNNING);
  await rpc().dump({ pid: app.pid, imagesDir: join(directory, "images"), cuda: { library: fake.library } });
  await app.ended();
  const driver = join(directory, "driver");
  mkdirSync(driver);
  symlinkSync(fake.library, join(driver, "libcuda.so.1"));
  symlinkSync(`${fake.library}.state`, join(driver, "libcuda.so.1.state"));
  return { LD_LIBRARY_PATH: driver };
}

test.skipIf(noCompiler() !== false)(
  "restore without --cuda takes back what a dump with --cuda handed over",
  async () => {
    using fake = await fakeCuda();
    using directory = temporaryDirectory();
    await using app = await App.start("bun");
    const env = await handedOver(fake, directory.path, app);
    const { code, err } = await runCli("bun", ["restore", join(directory.path, "images")], env);
    expect([code, err]).toEqual([0, ""]);
    expect(fake.state(app.pid)).toBe(RUNNING);
  },
);

test.skipIf(noCompiler() !== false)(
  "run --restore-or-start takes back what a dump with --cuda handed over",
  async () => {
    using fake = await fakeCuda();
    using directory = temporaryDirectory();
    await using app = await App.start("bun");
    const command = commandLine(app.pid);
    const env = await handedOver(fake, directory.path, app);
    const log = join(directory.path, "log");
    const args = ["run", "--log", log, "--restore-or-start", join(directory.path, "images"), "--", ...command];
    const { out, err } = await runCli("bun", args, env);
    expect(out).toBe(String(app.pid));
    expect(err).toStartWith(`criu-aware run: restored ${app.pid} from the dump of`);
    expect(fake.state(app.pid)).toBe(RUNNING);
  },
);

test.skipIf(noCompiler() !== false)(
  "without a driver such images are not restored, and are left as they are",
  async () => {
    using fake = await fakeCuda();
    using directory = temporaryDirectory();
    await using app = await App.start("bun");
    const env = await handedOver(fake, directory.path, app);
    const imagesDir = join(directory.path, "images");
    const { code, err } = await runCli("bun", ["restore", imagesDir]);
    expect(code).toBe(1);
    expect(err).toMatch(/CUDA|libcuda/);
    expect(existsSync(`/proc/${app.pid}`)).toBe(false);
    expect(fake.state(app.pid)).toBe(CHECKPOINTED);
    expect((await runCli("bun", ["restore", imagesDir], env)).code).toBe(0);
  },
);
