import type { FileStat } from "../ffi/stat.ts";
import type { Descriptor } from "./descriptor.ts";
import { hasOwnNamespace, type Scope } from "./scope.ts";
import type { Terminals } from "./terminals.ts";

const gpu = /^\/dev\/(nvidia|dri\/|kfd$)/;
// Majors and minors: the kernel's admin-guide/devices.txt.
const MEMORY = 1;
const MISC = 10;
const TUN = 200;
const AUTOFS = 235;
const PARENT = "No blocker when the app runs in a network namespace of its own";

/** Looks at a device file; false for those of memory (null, zero, random …), which CRIU opens again like files. */
export function checkDevice(
  scope: Scope,
  descriptor: Descriptor,
  state: FileStat,
  info: () => string,
  terminals: Terminals,
): boolean {
  const { pid, fd, link } = descriptor;
  const { type, major, minor } = state;
  if (type !== "character" && type !== "block") return false;
  if (type === "character") {
    if (major === MEMORY || (major === MISC && minor === AUTOFS)) return false;
    if (terminals.take(descriptor, state, info)) return true;
    if (major === MISC && minor === TUN) {
      const own = hasOwnNamespace(scope, "net");
      const perhaps = own === undefined ? PARENT : undefined;
      if (own !== true)
        scope.report.add("tun", { pid, fd, what: "a network tunnel (/dev/net/tun)", who: link, perhaps });
      return true;
    }
  }
  reportDevice(scope, { pid, fd, link });
  return true;
}

/** Names a device that is open, or mapped. */
export function reportDevice(
  scope: Scope,
  found: { readonly pid: number; readonly fd?: number; readonly link: string },
): void {
  const { link, ...place } = found;
  const isGpu = gpu.test(link);
  scope.report.add(isGpu ? "gpu" : "device", {
    ...place,
    what: `${isGpu ? "a GPU" : "a device"} (${link})`,
    who: link,
  });
}
