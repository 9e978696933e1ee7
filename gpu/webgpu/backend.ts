import { DeviceError } from "../device/device_error.ts";
import type { Needs } from "./needs.ts";

/** A device with all that came into this process with it. */
export interface OpenedGpu {
  readonly device: GPUDevice;
  /** Vendor and name of the adapter, for messages. */
  readonly adapter: string;
  /** Ends the device and all that was made by it, and unloads the driver where the runtime can. */
  close(): Promise<void>;
}

/** WebGPU as one runtime gives it. `bun.ts` and `deno.ts` implement it. */
export interface Backend {
  /** Why `close` leaves the driver mapped; absent where it does not. */
  readonly keepsDriver?: string;
  open(needs: Needs): Promise<OpenedGpu>;
}

/** Throws DeviceError `different` with everything that the adapter cannot do. */
export function checkAdapter(adapter: GPUAdapter, name: string, { limits = {}, features = [] }: Needs): void {
  const has = adapter.limits as unknown as Record<string, number | undefined>;
  const lacking = [
    ...Object.entries(limits).flatMap(([limit, wanted]) => {
      const there = Number(has[limit] ?? Number.NaN);
      // An alignment is the better the smaller it is.
      const reached = limit.startsWith("min") ? there <= wanted : there >= wanted;
      return reached ? [] : [`${limit} ${wanted} (it has ${there})`];
    }),
    ...features
      .filter((feature) => !(adapter.features as unknown as ReadonlySet<string>).has(feature))
      .map((feature) => `the feature ${feature}`),
  ];
  if (lacking.length === 0) return;
  throw new DeviceError(
    "different",
    `Cannot use the WebGPU adapter ${name}: it lacks ${lacking.join(", ")}. Restore on a machine that has it, or ask for less when the device is opened.`,
  );
}

/** Names an adapter. */
export function nameOf({ info }: GPUAdapter): string {
  return [info.vendor, info.description || info.device].filter(Boolean).join(" ") || "without a name";
}
