import type { Cuda } from "../../ffi/libcuda.ts";

/**
 * The primary context of a GPU: the one that CUDA's runtime and every library on it use, so that addresses mean the same to
 * all. Disposal gives it back; it is gone when nobody else has it.
 */
export interface Context extends Disposable {
  /** Runs `work` with this context as the current one, and leaves the app's own current one as it was. */
  within<T>(work: () => T): T;
  /** Whether the context is there: after disposal, because somebody else has it. */
  isActive(): boolean;
}

export function openContext(cuda: Cuda, gpu: number): Context {
  const device = Number(cuda.out(`open GPU ${gpu}`, (out) => cuda.cuDeviceGet(out, gpu)));
  const handle = cuda.out(`open GPU ${gpu}`, (out) => cuda.cuDevicePrimaryCtxRetain(out, device));
  const ignored = new Uint8Array(8);
  return {
    within(work) {
      cuda.check(cuda.cuCtxPushCurrent_v2(handle), `use GPU ${gpu}`);
      try {
        return work();
      } finally {
        cuda.cuCtxPopCurrent_v2(ignored);
      }
    },
    isActive() {
      const active = new Uint8Array(4);
      cuda.check(cuda.cuDevicePrimaryCtxGetState(device, ignored, active), `look at GPU ${gpu}`);
      return active[0] !== 0;
    },
    [Symbol.dispose]: () => cuda.check(cuda.cuDevicePrimaryCtxRelease_v2(device), `give up the context of GPU ${gpu}`),
  };
}
