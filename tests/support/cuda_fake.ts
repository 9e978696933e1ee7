import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { cString } from "../../ffi/bytes.ts";
import { openLibc } from "../../ffi/libc.ts";
import { temporaryDirectory } from "./temporary_directory.ts";

const symbols = {
  fake_delay: [["i32"], "void"],
  fake_fail: [["buffer", "i32", "i32"], "void"],
  fake_held: [["i32"], "i32"],
  fake_log: [["buffer", "usize"], "usize"],
  fake_memory: [["usize"], "void"],
  fake_other: [["i32", "i32"], "void"],
  fake_process: [["i32", "i32"], "void"],
  fake_reset: [["i32", "usize"], "void"],
  fake_slow: [["i32"], "void"],
  fake_state: [["i32"], "i32"],
} as const;

/** tests/support/fake_cuda.c, built and loaded: no GPU, and nothing that is true of one but the order of calls. */
export interface FakeCuda extends Disposable {
  /** For the option `library` of ours. */
  readonly library: string;
  /** Forgets everything. */
  reset(gpus?: number, memory?: number): void;
  /** Makes its GPUs smaller or larger. */
  memory(bytes: number): void;
  /** The calls since the last look, with two numbers each. */
  log(): string[];
  /** The names of the calls since the last look, in order, of those that `only` matches. */
  names(only: RegExp): string[];
  /** The call of this name that comes after `skip` others fails with `result`. */
  fail(name: string, result: number, skip?: number): void;
  /** How many milliseconds a lock takes. */
  delay(ms: number): void;
  /** Looks at events that find nothing new. */
  slow(looks: number): void;
  /** Whether another library has the context of a GPU. */
  other(gpu: number, has: boolean): void;
  held(): { buffers: number; pinned: number; contexts: number; depth: number };
  process(pid: number, state: number): void;
  state(pid: number): number;
}

/** Builds a fake of its own, and loads it. Disposal removes its file. */
export async function fakeCuda(...defines: readonly string[]): Promise<FakeCuda> {
  const directory = temporaryDirectory();
  const library = join(directory.path, "libfakecuda.so");
  const source = join(import.meta.dirname as string, "fake_cuda.c");
  const built = spawnSync("cc", ["-std=gnu11", "-shared", "-fPIC", ...defines, "-o", library, source, "-ldl"], {
    encoding: "utf8",
  });
  if (built.status !== 0) throw new Error(built.stderr);
  const libc = await openLibc();
  const calls = libc.runtime.dlopen(library, symbols);
  const log = (): string[] => {
    const bytes = new Uint8Array(1 << 20);
    const length = Number(calls.fake_log(bytes, bytes.length));
    return new TextDecoder().decode(bytes.subarray(0, length)).split("\n").filter(Boolean);
  };
  const held = (what: number): number => calls.fake_held(what);
  return {
    library,
    reset: (gpus = 2, memory = 2 ** 30) => calls.fake_reset(gpus, memory),
    memory: (bytes) => calls.fake_memory(bytes),
    log,
    names: (only) =>
      log()
        .map((line) => line.split(" ")[0] as string)
        .filter((name) => only.test(name)),
    fail: (name, result, skip = 0) => calls.fake_fail(cString(name), skip, result),
    delay: (ms) => calls.fake_delay(ms),
    slow: (looks) => calls.fake_slow(looks),
    other: (gpu, has) => calls.fake_other(gpu, Number(has)),
    held: () => ({ buffers: held(0), pinned: held(1), contexts: held(2), depth: held(3) }),
    process: (pid, state) => calls.fake_process(pid, state),
    state: (pid) => calls.fake_state(pid),
    [Symbol.dispose]: () => directory[Symbol.dispose](),
  };
}
