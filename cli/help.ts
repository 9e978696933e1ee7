import { Command } from "commander";
import { settled } from "./subcommand.ts";

/** `criu-aware help [command...]` */
export function help(program: Command): Command {
  return settled(new Command("help"))
    .description("show this, or the help of a command")
    .usage("[command...]")
    .argument("[command...]", "the command, such as: hook install")
    .addHelpText("after", examples)
    .action(async (names: string[]) => {
      let found = program;
      for (const name of names) {
        const next = found.commands.find((command) => command.name() === name);
        // One that does not exist is a mistake like any other, with a suggestion.
        if (!next && found.commands.length > 0) await found.parseAsync([name], { from: "user" });
        if (!next) found.error(`error: '${found.name()}' has no commands of its own.`);
        else found = next;
      }
      found.outputHelp();
    });
}

const examples = `
Examples:
  criu-aware help dump
  criu-aware help hook install`;
