/** This machine, or this runtime, cannot do what the library needs. */
export class UnsupportedPlatformError extends Error {
  /** @ignore */
  override readonly name = "UnsupportedPlatformError";
}

/** What stands in Node.js, or in a browser, where Bun and Deno have their FFI. */
export function refuseRuntime(): never {
  throw new UnsupportedPlatformError(
    "Cannot call libc: this runtime has no FFI that criu-aware uses. Run the program with Bun or Deno, or play its checkpoints with attach() of criu-aware/simulate, which works in Node.js too.",
  );
}
