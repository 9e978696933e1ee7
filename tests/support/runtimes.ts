import { join } from "node:path";

/** The runtimes under test. */
export const runtimes = ["bun", "deno"] as const;

export type RuntimeName = (typeof runtimes)[number];

const bin = join(import.meta.dirname as string, "../../node_modules/.bin");

/** The command that runs a script in a runtime. */
export const runCommand: Record<RuntimeName, readonly string[]> = {
  bun: [join(bin, "bun"), "run"],
  deno: [join(bin, "deno"), "run", "--allow-all", "--no-check", "--no-lock"],
};

/**
 * Deno's caches are files with locks in a shared directory: CRIU does not dump them unasked, and another `deno run` changes
 * them under the image. An app that is to be dumped does without.
 */
export const dumpableEnv: Readonly<Record<string, string>> = { DENO_DIR: "/dev/null/none" };
