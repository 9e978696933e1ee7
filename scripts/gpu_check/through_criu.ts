import { spawn } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openCudaProcesses } from "../../driver/cuda/processes.ts";
import { rpc } from "../../driver/mod.ts";
import { openLibc } from "../../ffi/libc.ts";
import { openMarked } from "../../ffi/marked_process.ts";
import { processTree } from "../../ffi/process_tree.ts";

/** `typed`: our state, and the process checkpoint only closes what is left. `transparent`: the process checkpoint alone. */
export const ways = ["typed", "transparent"] as const;

/** One checkpoint of one app. Durations in milliseconds. */
export interface Passage {
  readonly way: (typeof ways)[number];
  readonly noticeToReadyMs: number;
  readonly dumpMs: number;
  readonly restoreMs: number;
  /** How many processes the process checkpoint of NVIDIA's driver was used for. */
  readonly processes: number;
  /** What is on the GPU afterwards is what was there before, bit for bit. */
  readonly exact: boolean;
}

const SIGKILL = 9;
const TIMEOUT_MS = 120_000;

/** Starts an app with `bytes` on a GPU, dumps it with CRIU, restores it, and asks it what it has. */
export async function throughCriu(
  way: Passage["way"],
  options: { readonly gpu: number; readonly bytes: number; readonly library?: string },
): Promise<Passage> {
  const directory = mkdtempSync(join(tmpdir(), "criu-aware-gpu-"));
  const output = openSync(join(directory, "output"), "a");
  const app = join(import.meta.dirname as string, "app.ts");
  // A session of its own, and its output in a file, as CRIU needs it.
  const child = spawn(process.execPath, [app, JSON.stringify({ ...options, way }), directory], {
    detached: true,
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  const pid = child.pid as number;
  const imagesDir = join(directory, "images");
  try {
    await line(directory, /^\{"ready":true\}$/m);
    using processes = await openCudaProcesses(options);
    let suspended: number[] = [];
    const dumped = await rpc()
      .dump({
        pid,
        imagesDir,
        timeoutMs: TIMEOUT_MS,
        // The scan looks before the device files are closed.
        ignore: ["gpu"],
        async onHook(hook) {
          if (hook === "pre-dump") suspended = await processes.suspend(processTree(pid));
        },
      })
      .catch(async (error: unknown) => {
        await processes.resume(processTree(pid));
        throw error;
      });
    const restored = await rpc().restore({
      imagesDir,
      timeoutMs: TIMEOUT_MS,
      async onHook(hook) {
        // The app runs, and waits in CUDA for this.
        if (hook === "post-resume") await processes.resume(processTree(pid));
      },
    });
    const [, exact] = await line(directory, /^\{"outcome":"restored","exact":(true|false)\}$/m);
    return {
      way,
      noticeToReadyMs: dumped.noticeToReadyMs,
      dumpMs: dumped.dumpMs,
      restoreMs: restored.restoreMs,
      processes: suspended.length,
      exact: exact === "true",
    };
  } finally {
    await end(pid, directory);
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Waits for a line in what the app printed. */
async function line(directory: string, pattern: RegExp): Promise<RegExpExecArray> {
  const file = join(directory, "output");
  for (const deadline = Date.now() + TIMEOUT_MS; ; await sleep(10)) {
    const text = readFileSync(file, "utf8");
    const found = pattern.exec(text);
    if (found) return found;
    if (Date.now() > deadline) throw new Error(`The app did not print ${pattern}. It printed:\n${text}`);
  }
}

/** The app, whether it is still our child or was restored: our directory is among its arguments. */
async function end(pid: number, directory: string): Promise<void> {
  using app = openMarked(await openLibc(), pid, directory);
  if (!app) return;
  app.kill(SIGKILL);
  for (const deadline = Date.now() + 5000; existsSync(`/proc/${pid}`) && Date.now() < deadline; ) await sleep(20);
}
