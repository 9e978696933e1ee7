import { bytesOf } from "../../ffi/bytes.ts";
import { type Libc, openLibc } from "../../ffi/libc.ts";
import type { Bound } from "../../ffi/runtime.ts";
import { threadId } from "./process_id.ts";

// What tests ask of libc, and the library does not.
const symbols = {
  eventfd: [["u32", "i32"], "i32"],
  eventfd_write: [["i32", "u64"], "i32"],
  kill: [["i32", "i32"], "i32"],
  write: [["i32", "buffer", "usize"], "i64"],
} as const;

/** Calls of libc that only tests need. */
export type Calls = Bound<typeof symbols>;

export function bindCalls(libc: Libc): Calls {
  return libc.runtime.dlopen(libc.soname, symbols);
}

/** Sends any signal to this process, real-time ones too, which the runtimes cannot. */
export async function signalSelf(signal: number): Promise<void> {
  const libc = await openLibc();
  libc.check(bindCalls(libc).kill(libc.getpid(), signal), `send signal ${signal} to myself`);
}

const SYS_RT_TGSIGQUEUEINFO = process.arch === "arm64" ? 240 : 297;

/** What a signal says of its sender: members of siginfo_t. */
export interface Sender {
  readonly code: number;
  readonly pid: number;
  readonly uid: number;
}

/** Sends a signal to this process that claims to come from `sender`; a `code` above 0 stands for the kernel. */
export async function forgeSignal(signal: number, sender: Sender): Promise<void> {
  const libc = await openLibc();
  const info = new DataView(new ArrayBuffer(128));
  info.setInt32(0, signal, true);
  info.setInt32(8, sender.code, true);
  info.setInt32(16, sender.pid, true);
  info.setUint32(20, sender.uid, true);
  const address = libc.runtime.addressOf(bytesOf(info));
  // The kernel lets a thread pretend anything to itself alone.
  const sent = libc.syscall(SYS_RT_TGSIGQUEUEINFO, libc.getpid(), threadId(), signal, address, 0, 0);
  libc.check(sent, `forge signal ${signal}`);
}

/** Gives a signal back its default (SIG_DFL), as something that knows nothing of the agent would. */
export async function resetSignal(signal: number): Promise<void> {
  const libc = await openLibc();
  libc.check(libc.sigaction(signal, new Uint8Array(160), new Uint8Array(160)), `reset signal ${signal}`);
}
