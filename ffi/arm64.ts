/** Linux numbers some calls and flags otherwise on aarch64. In a browser, where this may be loaded too, there is no process. */
export const isArm64: boolean = globalThis.process?.arch === "arm64";
