/** Dump and restore with `cuda` through real CRIU, the process checkpoint of NVIDIA's driver being a fake. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { command, rpc } from "criu-aware/driver";
import { App } from "../support/app.ts";
import { noCompiler } from "../support/c_compiler.ts";
import { fakeCuda } from "../support/cuda_fake.ts";
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
    const { processes } = await restore({ imagesDir: join(directory.path, "good"), cuda });
    expect(fake.state(pid)).toBe(RUNNING);
    expect(processes[0]?.outcome).toBe("restored");
  });
}
