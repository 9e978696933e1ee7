import { type Libc, openLibc } from "../../ffi/libc.ts";
import { AppPage } from "../../page/app_page.ts";
import { DriverPage } from "../../page/driver_page.ts";
import { Fields } from "../../page/fields.ts";
import { findPage } from "../../page/find.ts";

/** A signal that does nothing to a process that does not listen. */
export const SIGURG = 23;

/** Both halves of a page of this process, and its bare memory. */
export interface OwnPage extends Disposable {
  readonly libc: Libc;
  readonly app: AppPage;
  readonly driver: DriverPage;
  /** The page without any checks. */
  readonly fields: Fields;
  readonly bytes: Uint8Array;
}

export async function openOwnPage(): Promise<OwnPage> {
  const libc = await openLibc();
  using cleanup = new DisposableStack();
  const app = cleanup.use(new AppPage(libc));
  app.open(SIGURG);
  const driver = cleanup.use(await DriverPage.open(process.pid));
  const memory = cleanup.use(findPage(libc, process.pid));
  const bytes = new Uint8Array(memory.buffer);
  const opened = cleanup.move();
  return { libc, app, driver, fields: new Fields(libc, memory), bytes, [Symbol.dispose]: () => opened.dispose() };
}

/** The bare memory of the page that this process has anyway. */
export async function openFields(): Promise<{ readonly fields: Fields } & Disposable> {
  const libc = await openLibc();
  const memory = findPage(libc, process.pid);
  return { fields: new Fields(libc, memory), [Symbol.dispose]: () => memory[Symbol.dispose]() };
}

/** Numbers from 0 to below 2^32 that are the same for the same seed: mulberry32. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
}
