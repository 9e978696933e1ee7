/** Bytes of the largest buffer of a device that nobody asked more of, as WebGPU has it. */
export const DEFAULT_BUFFER_BYTES: number = 256 << 20;
