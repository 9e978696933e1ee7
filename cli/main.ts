import { exitCodes } from "./exit_codes.ts";
import { createProgram } from "./program.ts";
import { fail, printJson } from "./report.ts";
import { isCommanderEnd, oneLine } from "./subcommand.ts";

/** Runs `criu-aware` with these arguments, and resolves with the exit code. */
export async function main(args: readonly string[]): Promise<number> {
  // After "--" it is meant for somebody else.
  const json = (args.includes("--") ? args.slice(0, args.indexOf("--")) : args).includes("--json");
  process.exitCode = exitCodes.done;
  try {
    // As many other commands have it.
    const words = args[0] === "-V" ? ["--version"] : [...args];
    const program = await createProgram(words[0]);
    await program.parseAsync(words, { from: "user" });
  } catch (error) {
    if (!isCommanderEnd(error)) return fail("criu-aware", error, json);
    if (error.exitCode === 0) return exitCodes.done;
    // For people, commander has said it already.
    const { usage } = exitCodes;
    if (json) printJson({ error: { name: "UsageError", message: oneLine(error.message), exitCode: usage } });
    return usage;
  }
  return Number(process.exitCode);
}
