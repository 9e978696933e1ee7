import { Command } from "commander";
import { version } from "../package/version.ts";
import { complete, completion } from "./completion.ts";
import { doctor } from "./doctor.ts";
import { dump } from "./dump.ts";
import { exitCodesHelp } from "./exit_codes.ts";
import { help } from "./help.ts";
import { hook } from "./hook.ts";
import { images } from "./images.ts";
import { inspect } from "./inspect.ts";
import { notify } from "./notify.ts";
import { restore } from "./restore.ts";
import { run } from "./run.ts";
import { setup } from "./setup.ts";
import { simulate } from "./simulate.ts";
import { state } from "./state.ts";
import { status } from "./status.ts";
import { settled } from "./subcommand.ts";

const examples = `
Examples:
  pid=$(criu-aware run --wait -- bun app.ts)
  criu-aware dump $pid -D images
  criu-aware restore images`;

/** The whole command line. Each subcommand loads what it needs only when it runs. */
export function createProgram(): Command {
  const program = settled(new Command("criu-aware"))
    .description("Dump and restore Bun and Deno programs that take part in their checkpoint.")
    .version(version, "-v, --version", "show the version")
    .usage("<command> [options]")
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .enablePositionalOptions()
    .addHelpText("after", `${examples}\n${exitCodesHelp}`);
  const all = [run, dump, restore, status, inspect, images, state, simulate, notify, doctor, setup, hook, completion];
  for (const command of all) program.addCommand(command());
  program.helpCommand(false).addCommand(help(program)).addCommand(complete(createProgram), { hidden: true });
  return program;
}
