import { type Doorbell, openDoorbell } from "../../ffi/doorbell.ts";
import { ringBytes } from "../../ffi/handler_code.ts";
import { type Libc, openLibc } from "../../ffi/libc.ts";
import { createMemfd } from "../../ffi/shared_memory.ts";

/** A doorbell on a ring of its own. */
export interface Bell extends AsyncDisposable {
  readonly libc: Libc;
  readonly doorbell: Doorbell;
  /** What `onRing` saw: the sequence each time. */
  readonly heard: number[];
}

export async function openBell(slots = 32): Promise<Bell> {
  const libc = await openLibc();
  await using cleanup = new AsyncDisposableStack();
  const memory = cleanup.use(createMemfd(libc, "test-ring", ringBytes(slots), { sealed: false }));
  const heard: number[] = [];
  const ring = { address: memory.address, view: new DataView(memory.buffer), slots };
  const doorbell = cleanup.use(await openDoorbell(libc, ring, () => void heard.push(doorbell.sequence)));
  const opened = cleanup.move();
  return { libc, doorbell, heard, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}
