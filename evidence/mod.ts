/**
 * Weak evidence of a restore, for those who have nothing better: clocks, the network, mounts. Each function reads, or compares two readings; a
 * reading is plain data, which can be kept. All of it can be wrong, either way, and each says how. `attach()` uses none of it: what is certain is in
 * `criu-aware/strategies/passive`, and in the outcome of a hold.
 *
 * In Deno it needs `--allow-ffi --allow-sys=networkInterfaces`.
 *
 * @module
 */
export { type ClockComparison, type ClockEvidence, type ClockReading, compareClocks, readClocks } from "./clocks.ts";
export type { Evidence } from "./evidence.ts";
export { compareMounts, type MountEvidence, type MountReading, readMounts } from "./mounts.ts";
export { compareNetwork, type NetworkAddress, type NetworkEvidence, readNetwork } from "./network.ts";
