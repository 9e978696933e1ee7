import type { GpuInfo } from "../../ffi/libcuda.ts";
import { readOrEmpty } from "../../ffi/read_or_empty.ts";

/**
 * What the PCIe link of a GPU can carry in one direction, in bytes a second, by its speed and width in sysfs; undefined where
 * that does not say. A GPU that has nothing to do lowers its speed: so the largest one counts.
 */
export function busSpeed({ pciBusId }: GpuInfo, sysfs = "/sys/bus/pci/devices"): number | undefined {
  // The driver writes eight digits of the domain, sysfs four.
  const device = pciBusId.toLowerCase().replace(/^0000(?=\w{4}:)/, "");
  const transfers = Number.parseFloat(readOrEmpty(`${sysfs}/${device}/max_link_speed`));
  const lanes = Number.parseInt(readOrEmpty(`${sysfs}/${device}/max_link_width`), 10);
  if (!(transfers > 0 && lanes > 0)) return undefined;
  // Up to PCIe 2 (5 GT/s) 8 of 10 bits are data, then 128 of 130; PCIe 6 loses about as much to its own frames.
  return ((transfers * 1e9 * lanes) / 8) * (transfers > 5 ? 128 / 130 : 8 / 10);
}
