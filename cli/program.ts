import { Command } from "commander";
import { version } from "../package/version.ts";
import { exitCodesHelp } from "./exit_codes.ts";
import { settled } from "./subcommand.ts";

const examples = `
Examples:
  pid=$(criu-aware run --wait -- bun app.ts)
  criu-aware dump $pid -D images
  criu-aware restore images`;

/** In the order of the help. To load them all takes longer than many of them run. */
const subcommands: Readonly<Record<string, () => Promise<() => Command>>> = {
  run: async () => (await import("./run.ts")).run,
  dump: async () => (await import("./dump.ts")).dump,
  restore: async () => (await import("./restore.ts")).restore,
  status: async () => (await import("./status.ts")).status,
  inspect: async () => (await import("./inspect.ts")).inspect,
  images: async () => (await import("./images.ts")).images,
  state: async () => (await import("./state.ts")).state,
  simulate: async () => (await import("./simulate.ts")).simulate,
  notify: async () => (await import("./notify.ts")).notify,
  doctor: async () => (await import("./doctor.ts")).doctor,
  setup: async () => (await import("./setup.ts")).setup,
  hook: async () => (await import("./hook.ts")).hook,
  completion: async () => (await import("./completion.ts")).completion,
};

/** The whole command line. When the first word of what is to be parsed is that of a subcommand, no other one is loaded. */
export async function createProgram(first?: string): Promise<Command> {
  const program = settled(new Command("criu-aware"))
    .description("Dump and restore Bun and Deno programs that take part in their checkpoint.")
    .version(version, "-v, --version", "show the version")
    .usage("<command> [options]")
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .enablePositionalOptions()
    .helpCommand(false)
    .addHelpText("after", `${examples}\n${exitCodesHelp}`);
  const one = first !== undefined && Object.hasOwn(subcommands, first) ? subcommands[first] : undefined;
  if (one) return program.addCommand((await one())());
  const all = await Promise.all(Object.values(subcommands).map((load) => load()));
  for (const command of all) program.addCommand(command());
  const [{ help }, { complete }] = await Promise.all([import("./help.ts"), import("./completion.ts")]);
  return program.addCommand(help(program)).addCommand(complete(createProgram), { hidden: true });
}
