import type { Libc } from "./libc.ts";

const PR_SET_CHILD_SUBREAPER = 36;
const WNOHANG = 1;

const symbols = {
  prctl: [["i32", "u64", "u64", "u64", "u64"], "i32"],
  waitpid: [["i32", "buffer", "i32"], "i32"],
} as const;

/**
 * Makes orphans below this process its children (prctl(2), PR_SET_CHILD_SUBREAPER), until disposal: what CRIU restores loses its
 * parent when CRIU ends, and only a parent is told how a process ended. Those that it has then stay.
 */
export function adoptOrphans(libc: Libc): Disposable {
  const { prctl } = libc.runtime.dlopen(libc.soname, symbols);
  libc.check(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "become the parent of orphans");
  return { [Symbol.dispose]: () => void prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0) };
}

/** Resolves with the exit code of a child that the runtime knows nothing of: 128 + N after signal N. */
export async function awaitEnd(libc: Libc, pid: number): Promise<number> {
  const { waitpid } = libc.runtime.dlopen(libc.soname, symbols);
  const status = new Int32Array(1);
  while (libc.check(waitpid(pid, new Uint8Array(status.buffer), WNOHANG), `wait for process ${pid}`) === 0) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  // WIFSIGNALED, WTERMSIG and WEXITSTATUS of wait(2).
  const [value = 0] = status;
  const signal = value & 0x7f;
  return signal === 0 ? (value >> 8) & 0xff : 128 + signal;
}
