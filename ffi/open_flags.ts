import { isArm64 } from "./arm64.ts";

// The flags of open(2) whose numbers depend on the CPU: asm-generic/fcntl.h (x86-64), asm/fcntl.h (aarch64).
export const O_DIRECTORY: number = isArm64 ? 0o40000 : 0o200000;
export const O_NOFOLLOW: number = isArm64 ? 0o100000 : 0o400000;
