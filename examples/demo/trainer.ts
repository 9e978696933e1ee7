import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { StrategyName } from "criu-aware/driver";
import { openLibc } from "../../ffi/libc.ts";
import { endMarked } from "../../ffi/marked_process.ts";
import { findVulkan, vulkanEnvironment } from "../../setup/vulkan.ts";

/** The runtimes that the demo shows. */
export const runtimes = ["bun", "deno"] as const;
export type RuntimeName = (typeof runtimes)[number];

/** Where there is none, nothing is restored, and a trainer stays the child that was started. */
const libc = process.platform === "linux" ? await openLibc() : undefined;
const root = join(import.meta.dirname as string, "../..");
const commands: Record<RuntimeName, readonly string[]> = {
  bun: [join(root, "node_modules/.bin/bun"), "run"],
  deno: [join(root, "node_modules/.bin/deno"), "run", "--allow-all", "--no-check", "--no-lock"],
};

/** The devices that a trainer can compute with. */
export const devices = ["host", "webgpu"] as const;
export type DeviceName = (typeof devices)[number];

/** How a trainer works. */
export interface TrainerOptions {
  readonly steps: number;
  /** @default "host" */
  readonly device?: DeviceName;
  /** @default "signal" */
  readonly strategy?: StrategyName;
  /** Milliseconds to rest after each step. @default 0 */
  readonly restMs?: number;
  /** The step after which it plays a checkpoint itself. @default never */
  readonly simulateAt?: number;
}

/** The Vulkan driver that the environment names, or else the one in software that the set-up unpacks, if it did. */
export function webGpuEnvironment(): Record<string, string> {
  return process.env.VK_ICD_FILENAMES || !findVulkan() ? {} : vulkanEnvironment();
}

/** A trainer that runs: in its own session, its output in a file, as CRIU needs it. */
export class Trainer implements Disposable {
  readonly pid: number;
  readonly directory: string;
  readonly #child: ChildProcess;

  constructor(runtime: RuntimeName, options: TrainerOptions) {
    this.directory = mkdtempSync(join(tmpdir(), "criu-aware-demo-"));
    const output = openSync(join(this.directory, "output"), "a");
    const { steps, device = "host", strategy = "signal", restMs = 0, simulateAt } = options;
    const flags = ["--device", device, "--strategy", strategy, "--steps", String(steps), "--rest-ms", String(restMs)];
    flags.push("--marker", join(this.directory, "marker"));
    if (simulateAt !== undefined) flags.push("--simulate-at", String(simulateAt));
    const [program, ...args] = commands[runtime] as [string, ...string[]];
    this.#child = spawn(program, [...args, join(root, "examples/trainer.ts"), ...flags], {
      // A session of its own: setsid(2).
      detached: true,
      stdio: ["ignore", output, output],
      // Deno's caches hold file locks, and another `deno run` would change them under the image.
      env: { ...process.env, ...(device === "webgpu" ? webGpuEnvironment() : {}), DENO_DIR: "/dev/null/none" },
    });
    closeSync(output);
    this.pid = this.#child.pid as number;
  }

  output(): string {
    return readFileSync(join(this.directory, "output"), "utf8");
  }

  /** Waits until the output matches. */
  async until(pattern: RegExp, timeoutMs = 60_000): Promise<RegExpExecArray> {
    for (const end = Date.now() + timeoutMs; ; ) {
      const found = pattern.exec(this.output());
      if (found) return found;
      if (Date.now() > end) throw new Error(`The trainer did not print ${pattern}. Its output:\n${this.output()}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** The digest after the last step. */
  async digest(): Promise<string> {
    return (await this.until(/^done: .* digest (\w+)$/m))[1] as string;
  }

  /** Waits until the process has ended and was reaped: one that was restored by others than this process. */
  async ended(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null)
      await new Promise((resolve) => this.#child.once("exit", resolve));
    while (existsSync(`/proc/${this.pid}`)) await new Promise((resolve) => setTimeout(resolve, 5));
  }

  [Symbol.dispose](): void {
    if (libc) endMarked(libc, this.pid, this.directory);
    else this.#child.kill("SIGKILL");
    rmSync(this.directory, { recursive: true, force: true });
  }
}
