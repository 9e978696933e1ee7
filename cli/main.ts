import { exitCodes } from "./exit_codes.ts";
import { createProgram } from "./program.ts";
import { fail, printJson } from "./report.ts";
import { isCommanderEnd } from "./subcommand.ts";

/** Runs `criu-aware` with these arguments, and resolves with the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  const json = args.includes("--json");
  process.exitCode = exitCodes.done;
  try {
    // As many other commands have it.
    const words = args[0] === "-V" ? ["--version"] : [...args];
    await createProgram().parseAsync(words, { from: "user" });
  } catch (error) {
    if (!isCommanderEnd(error)) return fail("criu-aware", error, json);
    if (error.exitCode === 0) return exitCodes.done;
    // For people, commander has said it already.
    const { usage } = exitCodes;
    if (json) printJson({ error: { name: "UsageError", message: error.message, exitCode: usage } });
    return usage;
  }
  return Number(process.exitCode);
}
