import { readdirSync, readSync } from "node:fs";
import { machine, release } from "node:os";
import { join } from "node:path";
import { readOrEmpty } from "../ffi/read_or_empty.ts";
import { openRegularFile } from "./regular_file.ts";

/** What of a machine decides whether an image can live on it. */
export interface Machine {
  /** As `uname -r` says. */
  readonly kernel: string;
  /** As `uname -m` says. */
  readonly arch: string;
  /** The model of the CPU, as /proc/cpuinfo says. */
  readonly cpu: string;
  /** The flags of /proc/cpuinfo (`Features` on aarch64). */
  readonly cpuFeatures: readonly string[];
  /** Empty where none is seen. */
  readonly gpus: readonly Gpu[];
}

/** A GPU of a machine. */
export interface Gpu {
  /** NVIDIA's UUID, or the PCI address. */
  readonly id: string;
  /** NVIDIA's name, or vendor and device of the PCI list, such as `0x1002:0x740f`. */
  readonly model: string;
}

/** This machine. */
export function describeMachine(): Machine {
  const cpuinfo = firstProcessor();
  const field = (pattern: RegExp): string => pattern.exec(cpuinfo)?.[1] ?? "";
  return {
    kernel: release(),
    arch: machine(),
    cpu: field(/^model name\s*:\s*(.*)$/m),
    cpuFeatures: field(/^(?:flags|Features)\s*:\s*(.*)$/m)
      .split(" ")
      .filter(Boolean),
    gpus: [...nvidiaGpus(), ...otherGpus()],
  };
}

/** The beginning of /proc/cpuinfo: the kernel asks every processor for its clock while it writes the rest. */
function firstProcessor(): string {
  using file = openRegularFile("/proc/cpuinfo");
  const bytes = Buffer.alloc(8192);
  return bytes.subarray(0, readSync(file.fd, bytes)).toString().split("\n\n")[0] as string;
}

/** From /proc/driver/nvidia/gpus, which NVIDIA's driver makes. */
function nvidiaGpus(): Gpu[] {
  const folder = "/proc/driver/nvidia/gpus";
  return namesIn(folder).map((slot) => {
    const text = readOrEmpty(join(folder, slot, "information"));
    const field = (name: string): string | undefined => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(text)?.[1]?.trim();
    return { id: field("GPU UUID") ?? slot, model: field("Model") ?? "NVIDIA" };
  });
}

/** From the kernel's render nodes; those of NVIDIA are told above. */
function otherGpus(): Gpu[] {
  const folder = "/sys/class/drm";
  return namesIn(folder)
    .filter((name) => /^renderD\d+$/.test(name))
    .flatMap((name) => {
      const uevent = readOrEmpty(join(folder, name, "device/uevent"));
      const id = /^PCI_SLOT_NAME=(.*)$/m.exec(uevent)?.[1] ?? name;
      const word = (file: string): string => readOrEmpty(join(folder, name, "device", file)).trim();
      return word("vendor") === "0x10de" ? [] : { id, model: `${word("vendor")}:${word("device")}` };
    });
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    return [];
  }
}
