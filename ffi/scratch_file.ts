import { cString } from "./bytes.ts";
import type { Libc } from "./libc.ts";
import { readOrEmpty } from "./read_or_empty.ts";

const MFD_CLOEXEC = 1;

/** A file without a name, in memory (memfd_create(2)), for what another process writes. Disposal closes it here. */
export interface ScratchFile extends Disposable {
  readonly fd: number;
  /** What was written so far; "" once it is closed. */
  text(): string;
}

/** Opens an empty one. */
export function openScratchFile(libc: Libc, name: string): ScratchFile {
  const fd = libc.check(libc.memfd_create(cString(name), MFD_CLOEXEC), `create the memfd ${name}`);
  let isOpen = true;
  return {
    fd,
    text: () => (isOpen ? readOrEmpty(`/proc/self/fd/${fd}`) : ""),
    [Symbol.dispose](): void {
      if (isOpen) libc.close(fd);
      isOpen = false;
    },
  };
}
