import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { drain } from "#reader";
import type { Libc } from "../ffi/libc.ts";
import { openPipe } from "../ffi/pipe.ts";
import { openScratchFile } from "../ffi/scratch_file.ts";
import type { End } from "./run.ts";

/** The name of the daemon's log in its work directory. */
export const LAZY_PAGES_LOG = "lazy-pages.log";
/** CRIU's own name for its socket there. */
const SOCKET = "lazy-pages.socket";

/**
 * CRIU's daemon for lazy pages. It reads the memory of restored processes from the images when they first use it, the rest meanwhile, and
 * ends with the last page. Until then they cannot do without: the kernel would give them zeros. Disposal ends it, unless it was
 * released; so does the end of this process.
 */
export interface LazyPages extends AsyncDisposable {
  /** How it ended, when it did not come to wait for a restore. */
  readonly failed: End | undefined;
  /** The restored processes need it now: it goes on without this process, and whoever is its parent then reaps it. */
  release(): void;
}

/** Where it works. */
export interface LazyPagesPlace {
  readonly imagesDir: string;
  /** Its log and its socket are there; it must be the one of the restore. */
  readonly workDir: string;
  /** How long it may take to start, in milliseconds. */
  readonly timeoutMs: number;
}

/** Starts the daemon, and resolves once it waits for a restore, or has failed. */
export async function startLazyPages(libc: Libc, criu: string, place: LazyPagesPlace): Promise<LazyPages> {
  const { imagesDir, workDir, timeoutMs } = place;
  // Of one that has served before: it needs them no more.
  for (const name of [LAZY_PAGES_LOG, SOCKET]) rmSync(join(workDir, name), { force: true });
  using opened = new DisposableStack();
  const output = opened.use(openScratchFile(libc, "criu-stderr"));
  const ready = openPipe(libc);
  opened.defer(() => void libc.close(ready.read));
  const places = [`--images-dir=${imagesDir}`, `--work-dir=${workDir}`, `--log-file=${LAZY_PAGES_LOG}`];
  const child = spawn(criu, ["lazy-pages", ...places, "--status-fd=3"], {
    stdio: ["ignore", "ignore", output.fd, ready.write],
    // A session of its own: what ends this process must not end it.
    detached: true,
  });
  libc.close(ready.write);
  const kill = (): void => void child.kill("SIGKILL");
  process.once("exit", kill);
  const ended = new Promise<number | null>((resolve) => {
    child.once("error", () => resolve(null));
    child.once("exit", resolve);
  });
  const isReady = await new Promise<boolean>((resolve) => {
    // CRIU writes a byte when it listens.
    opened.use(drain(libc, ready.read, () => resolve(true)));
    const timer = setTimeout(kill, timeoutMs);
    opened.defer(() => clearTimeout(timer));
    void ended.then(() => resolve(false));
  });
  let isNeeded = false;
  return {
    failed: isReady ? undefined : { exitCode: await ended, stderr: output.text() },
    release() {
      isNeeded = true;
      process.off("exit", kill);
      child.unref();
    },
    async [Symbol.asyncDispose]() {
      if (isNeeded) return;
      process.off("exit", kill);
      if (child.exitCode === null && child.signalCode === null) kill();
      await ended;
    },
  };
}
