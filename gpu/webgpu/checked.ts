import { DeviceError } from "../device/device_error.ts";

/** Runs `create`, and throws DeviceError `failed` when the device has something to say against it. */
export async function checked<T>(device: GPUDevice, what: string, create: () => T): Promise<T> {
  device.pushErrorScope("out-of-memory");
  device.pushErrorScope("validation");
  let made: T | undefined;
  let thrown: unknown;
  try {
    made = create();
  } catch (error) {
    thrown = error;
  }
  // Both before the first wait: what others push meanwhile is not ours to pop.
  const [invalid, tooMuch] = await Promise.all([device.popErrorScope(), device.popErrorScope()]);
  const error = invalid ?? tooMuch;
  if (thrown instanceof RangeError || thrown instanceof DeviceError) throw thrown;
  if (!thrown && !error) return made as T;
  const { message } = (thrown ?? error) as { message: string };
  throw new DeviceError("failed", `Cannot make the ${what}: ${message}`, { cause: thrown ?? error });
}
