import { Argument, Command } from "commander";
import { reporting } from "./report.ts";
import { subcommand } from "./subcommand.ts";

const shells = ["bash", "zsh", "fish"] as const;

const notes = `
The shell runs criu-aware itself to complete it: it has to be on the PATH.
Where you type bunx criu-aware, or deno run, put it there first:
  bun add -g criu-aware
  deno install -gA -n criu-aware jsr:@criu-aware/criu-aware/cli`;

/** `criu-aware completion` */
export function completion(): Command {
  return subcommand("completion", "print a script that completes this command in a shell", [
    "source <(criu-aware completion bash)",
    `criu-aware completion zsh > "\${fpath[1]}/_criu-aware"`,
    "criu-aware completion fish > ~/.config/fish/completions/criu-aware.fish",
  ])
    .addArgument(new Argument("<shell>", "the shell").choices(shells))
    .addHelpText("after", notes)
    .action(
      reporting(async (shell: (typeof shells)[number]) => {
        const { scripts } = await import("./completion_scripts.ts");
        return { value: { shell, script: scripts[shell] }, text: scripts[shell] };
      }),
    );
}

/**
 * `criu-aware complete -- WORDS`, which those scripts call: the words of the command line up to the cursor. Prints a line for each
 * candidate, `word TAB description`, and last what the shell should offer besides: `:files`, `:directories` or `:nothing`.
 */
export function complete(createProgram: () => Promise<Command>): Command {
  return new Command("complete")
    .argument("[words...]")
    .helpOption(false)
    .allowExcessArguments()
    .action(async (words: string[]) => {
      const { candidatesFor } = await import("./complete.ts");
      const { print } = await import("./report.ts");
      const { candidates, besides } = await candidatesFor(await createProgram(), words);
      print([...candidates.map((line) => line.join("\t")), `:${besides}`].join("\n"));
    });
}
