import { join } from "node:path";
import type { Doorbell } from "../../ffi/doorbell.ts";
import type { Libc } from "../../ffi/libc.ts";
import { openBell } from "../support/bell.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

/** Where the socket of a border is: its path, and the doorbell of whoever listens there. Both are gone with `cleanup`. */
export async function openSocketPlace(
  cleanup: AsyncDisposableStack,
): Promise<{ libc: Libc; doorbell: Doorbell; path: string }> {
  const bell = await openBell();
  cleanup.defer(() => bell[Symbol.asyncDispose]());
  const directory = temporaryDirectory();
  cleanup.defer(() => directory[Symbol.dispose]());
  return { libc: bell.libc, doorbell: bell.doorbell, path: join(directory.path, "s") };
}
