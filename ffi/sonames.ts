import { isArm64 } from "./arm64.ts";

/** The names of libc: that of glibc, then that of musl. */
export const sonames: readonly string[] = ["libc.so.6", `libc.musl-${isArm64 ? "aarch64" : "x86_64"}.so.1`];
