/** How the scripts end: one line that says what to do; exit code 2 for wrong usage, 1 for a failure. */
import { Command, InvalidArgumentError } from "commander";
import { UsageError } from "criu-aware/driver";

/** A command line of which every mistake ends with one line and exit code 2. */
export function program(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .configureOutput({
      outputError: (text, write) =>
        write(`${name}: ${text.trim().replace(/^error: /, "")}. Run: bun scripts/${name}.ts --help\n`),
    })
    .exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
}

/** Runs the main part of a script. */
export async function report(name: string, main: () => Promise<void>): Promise<void> {
  try {
    await main();
  } catch (error) {
    console.error(`${name}: ${(error as Error).message}`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
}

/** Reads an option that is a positive whole number. */
export function positive(text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new InvalidArgumentError("It must be a positive whole number");
}
