/** Why CUDA cannot be used here at all. */
export type CudaReason = "no driver" | "driver too old" | "no GPU";

/** What to do about a result of the driver, where something can be done: names as in cuda.h. */
export const cudaCures: Readonly<Record<string, string>> = {
  CUDA_ERROR_INVALID_DEVICE: "There is no GPU with that number: see nvidia-smi -L and CUDA_VISIBLE_DEVICES.",
  CUDA_ERROR_OUT_OF_MEMORY: "Free memory of the GPU (nvidia-smi shows who has it), or use another GPU.",
  CUDA_ERROR_STUB_LIBRARY:
    "This is the toolkit's stub and no driver: take its stubs folder out of LD_LIBRARY_PATH, and install the driver.",
  CUDA_ERROR_DEVICE_UNAVAILABLE: "Another process has the GPU for itself: end it, or run nvidia-smi -c DEFAULT.",
  CUDA_ERROR_ILLEGAL_STATE: "Another program is at work on this process: see cuda-checkpoint --get-state --pid PID.",
  CUDA_ERROR_NOT_READY: "Work on the GPU did not end in time: let the app wait for it in its hook, or allow more time.",
  CUDA_ERROR_NOT_PERMITTED: "Run the same command as root, or as the user of the process.",
  CUDA_ERROR_NOT_SUPPORTED: "This driver cannot do that here; MIG, MPS, UVM and IPC memory are limits of it.",
  CUDA_ERROR_SYSTEM_DRIVER_MISMATCH: "libcuda and the kernel's module differ: reboot, or reload the nvidia module.",
  CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE:
    "Take cuda-compat out of LD_LIBRARY_PATH: this GPU needs the driver's own.",
  CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED: "Another library pinned this memory: give the state a segment of its own.",
  CUDA_ERROR_ILLEGAL_ADDRESS: "A kernel of the app used a wrong address. What is on the GPU is lost: restart the app.",
  CUDA_ERROR_LAUNCH_FAILED: "A kernel of the app failed. What is on the GPU is lost: restart the app.",
  CUDA_ERROR_UNKNOWN: "Look for the reason with dmesg, and whether /dev/nvidia-uvm is there (nvidia-modprobe -u).",
};

/** A call of the CUDA driver failed. `code` is the name of the result in cuda.h, `CUDA_ERROR_OUT_OF_MEMORY`. */
export class CudaError extends Error {
  /** @ignore */
  override readonly name = "CudaError";
  /** The name of the result in cuda.h. */
  readonly code: string;
  /** The number of the result. */
  readonly result: number;
  /** What was to be done. */
  readonly call: string;

  /** @ignore */
  constructor(call: string, result: number, code: string, options?: ErrorOptions) {
    const cure = cudaCures[code];
    super(`Cannot ${call}: ${code}.${cure ? ` ${cure}` : ""}`, options);
    this.call = call;
    this.result = result;
    this.code = code;
  }
}

const sentences: Readonly<Record<CudaReason, (library: string, since: string) => string>> = {
  "no driver": (library) =>
    `there is no ${library}. Install NVIDIA's driver; in a container, start it with --gpus all (NVIDIA Container Toolkit).`,
  "driver too old": (library, since) => `${library} lacks a function. Install a driver for CUDA ${since} or newer.`,
  "no GPU": () => "there is no NVIDIA GPU, or none is visible. Look at nvidia-smi -L and at CUDA_VISIBLE_DEVICES.",
};

/** There is no driver, none that is new enough, or no GPU. */
export class CudaUnavailableError extends Error {
  /** @ignore */
  override readonly name = "CudaUnavailableError";
  /** Which of the three it is. */
  readonly reason: CudaReason;

  /** @ignore */
  constructor(reason: CudaReason, library: string, since: string, options?: ErrorOptions) {
    super(`Cannot use CUDA: ${sentences[reason](library, since)}`, options);
    this.reason = reason;
  }
}
