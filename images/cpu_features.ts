import type { Machine } from "./machine.ts";

/** What of a CPU must be the same at a restore, in CRIU's words. */
export type CpuCap = "none" | "fpu" | "cpu" | "ins" | "all";

/**
 * Flags of /proc/cpuinfo that stand for instructions, or for registers that CRIU saves: a program that was compiled, or has
 * compiled itself, for them dies without. The others are the kernel's business. On aarch64 all of them are for programs.
 */
const instructions =
  /^(sse|ssse|pni$|avx|fma|aes$|vaes|v?pclmulqdq|gfni|sha|bmi|adx|abm|popcnt|movbe|f16c|rdrand|rdseed|lahf_lm|cx16|xsave|xgetbv1|pku|ospke|rdpid|rdtscp|clflushopt|clwb|cldemote|movdir|serialize|waitpkg|amx|sm3|sm4|fsgsbase|rtm$|xop|tbm|fsrm|erms|apx|user_shstk)/;
/**
 * Those that say how fast an instruction is which every CPU has (`rep movsb`, `rep stosb`), or whose instruction does nothing on the
 * others (cldemote). On aarch64 evtstrm: whether a wait wakes up from time to time.
 */
const fasterOnly = /^(erms|fsrm|fsrs|fzrm|cldemote|evtstrm)$/;
/** Those with registers of their own, which CRIU saves and puts back: the `fpu` of --cpu-cap. */
const registers = /^(sse|ssse|pni$|avx|xsave|xgetbv1|pku|ospke|amx|apx|user_shstk|fma|f16c|fp$|asimd|sve|sme)/;

/** The features that a CPU lacks: those that a program may need, those that `cpuCap` lets pass, and those that only cost time. */
export function lackingFeatures(
  then: Machine,
  now: Machine,
  cpuCap?: CpuCap,
): Readonly<Record<"needed" | "excused" | "faster", readonly string[]>> {
  const lacking = then.cpuFeatures.filter((name) => !now.cpuFeatures.includes(name));
  const faster = lacking.filter((name) => fasterOnly.test(name));
  const used = lacking.filter((name) => !fasterOnly.test(name) && (then.arch !== "x86_64" || instructions.test(name)));
  const counts = (name: string): boolean => cpuCap !== "none" && (cpuCap !== "fpu" || registers.test(name));
  return { needed: used.filter(counts), excused: used.filter((name) => !counts(name)), faster };
}
