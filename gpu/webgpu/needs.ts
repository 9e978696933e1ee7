/** What an app needs of an adapter. It is asked for again, and checked, each time the device is opened. */
export interface Needs {
  /** As `requiredLimits` of WebGPU. A new adapter must reach all of them. @default those of WebGPU: 128 MiB a binding */
  readonly limits?: Readonly<Record<string, number>>;
  /** As `requiredFeatures` of WebGPU. */
  readonly features?: readonly string[];
  /** As in WebGPU: which adapter to take when there are several. @default no preference */
  readonly powerPreference?: "low-power" | "high-performance";
}
