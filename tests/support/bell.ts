import { type Doorbell, openDoorbell, RINGS } from "../../ffi/doorbell.ts";
import { ring as layout } from "../../ffi/handler_code.ts";
import { type Libc, openLibc } from "../../ffi/libc.ts";
import { createMemfd } from "../../ffi/shared_memory.ts";
import { bindCalls } from "./calls.ts";

/** A doorbell on a ring of its own. */
export interface Bell extends AsyncDisposable {
  readonly libc: Libc;
  readonly doorbell: Doorbell;
  /** What `onRing` saw: the sequence each time. */
  readonly heard: number[];
  /** Sends a signal to this process. */
  ring(signal: number): void;
}

/** `arch` is the CPU whose handler code is taken: for one that has none it is the doorbell without executable memory. */
export async function openBell(arch: string = process.arch): Promise<Bell> {
  const libc = await openLibc();
  const calls = bindCalls(libc);
  await using cleanup = new AsyncDisposableStack();
  // Never unmapped: a handler may still run.
  const memory = createMemfd(libc, "test-ring", layout.slots + layout.slotBytes * RINGS, { sealed: false });
  cleanup.defer(() => void libc.close(memory.fd));
  const heard: number[] = [];
  const ring = { address: memory.address, view: new DataView(memory.buffer) };
  const doorbell = cleanup.use(await openDoorbell(libc, ring, () => void heard.push(doorbell.sequence), arch));
  const opened = cleanup.move();
  return {
    libc,
    doorbell,
    heard,
    ring: (signal) => void libc.check(calls.kill(libc.getpid(), signal), `send signal ${signal}`),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
