import { cString } from "./bytes.ts";
import type { Libc } from "./libc.ts";
import { orClose } from "./shared_memory.ts";
import { statOf } from "./stat.ts";

const MFD_CLOEXEC = 1;

/**
 * The device of the mount on which this kernel keeps its memfds; no other file can be there. Asked anew each time: a restored
 * process may run on another kernel.
 */
export function memfdDevice(libc: Libc): string {
  const fd = libc.check(libc.memfd_create(cString("criu-aware-device"), MFD_CLOEXEC), "create a memfd");
  const { device } = orClose(libc, fd, () => statOf(libc, fd));
  libc.close(fd);
  return device;
}
