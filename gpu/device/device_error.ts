/**
 * Why a device cannot be used.
 *
 * - `unavailable`: there is no such device here, or what it needs is not installed
 * - `different`: the device that is there now cannot do what the old one did; the message names each limit and feature
 * - `lost`: the device was lost (reset, unplugged, out of memory)
 * - `suspended`: it was given back for a checkpoint
 * - `failed`: it refused what it was asked for
 */
export type DeviceErrorCode = "unavailable" | "different" | "lost" | "suspended" | "failed";

/** A device cannot be opened or used. What was saved before is as it was. */
export class DeviceError extends Error {
  /** @ignore */
  override readonly name = "DeviceError";
  /** Why, for programs. */
  readonly code: DeviceErrorCode;

  /** For devices of your own as well. `message`: what failed, why, and what to do. */
  constructor(code: DeviceErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
