import { listProc, readProcLink } from "#proc";
import { readOrEmpty } from "../../ffi/read_or_empty.ts";

// Devices of the driver, and of Windows' GPU under WSL.
const device = /^\/dev\/(nvidia|dxg$)/;

/** Something of CUDA is left in this process, and CRIU cannot dump it. `held` names each. */
export class CudaHeldError extends Error {
  /** @ignore */
  override readonly name = "CudaHeldError";
  /** Buffers, a context, or device files, as the message lists them. */
  readonly held: readonly string[];

  /** @ignore */
  constructor(held: readonly string[], cure: string) {
    super(`Cannot give up CUDA: this process still holds ${held.join(", ")}. ${cure}`);
    this.held = held;
  }
}

/**
 * The device files of NVIDIA that process `pid` has open or mapped, each once, as `/dev/nvidiactl (descriptor 21)`. The driver
 * keeps some from cuInit to the end of the process, unless its own process checkpoint closes them.
 */
export function deviceFiles(pid: number | "self" = "self", devices: RegExp = device): string[] {
  const folder = `/proc/${pid}/fd`;
  const open = listProc(folder).flatMap((fd) => {
    const path = target(`${folder}/${fd}`);
    return devices.test(path) ? `${path} (descriptor ${fd})` : [];
  });
  const paths = readOrEmpty(`/proc/${pid}/maps`).matchAll(/^(?:\S+\s+){5}(\/.*)$/gm);
  const mapped = [...paths].flatMap(([, path]) => (devices.test(path as string) ? `${path} (mapped)` : []));
  return [...open, ...new Set(mapped)];
}

/** Descriptors come and go while they are listed. */
function target(link: string): string {
  try {
    return readProcLink(link);
  } catch {
    return "";
  }
}
