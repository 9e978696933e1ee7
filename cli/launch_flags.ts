import { resolve } from "node:path";
import type { Command } from "commander";
import { UsageError } from "../criu/usage_error.ts";
import type { LaunchOptions } from "../lifecycle/types.ts";
import { readEnvFile } from "./env_file.ts";
import { collect } from "./subcommand.ts";

/** What the options of a launch say. */
export interface LaunchFlags {
  readonly env?: readonly string[];
  readonly envFile?: readonly string[];
  readonly unsetEnv?: readonly string[];
  readonly cwd?: string;
  readonly set?: readonly string[];
}

/** Adds the options of {@linkcode LaunchFlags}. Nothing checks their values here: what is wrong is printed, and they may be secrets. */
export function withLaunchFlags(command: Command): Command {
  return command
    .argument("[args...]", "after --: the new arguments of the program")
    .option(
      "--env <name=value>",
      "an environment variable of the app; NAME alone takes yours; may be repeated",
      collect,
    )
    .option("--env-file <file>", "the same from a file, NAME=VALUE on each line; may be repeated", collect)
    .option("--unset-env <name>", "an environment variable that is to go; may be repeated", collect)
    .option("--cwd <dir>", "the working directory of the app")
    .option("--set <name=value>", "a value for agent.launch.values; may be repeated", collect);
}

/**
 * The launch that the options and arguments stand for; undefined when there are none.
 * @throws {UsageError} that names the option, and no value.
 */
export function readLaunchFlags(flags: LaunchFlags, args: readonly string[]): LaunchOptions | undefined {
  const { env = [], envFile = [], unsetEnv = [], cwd, set = [] } = flags;
  const variables = Object.fromEntries([
    ...envFile.flatMap((path) => readEnvFile(path)),
    ...env.map((text) => pair("--env", text, process.env)),
    ...unsetEnv.map((name) => [name, null] as const),
  ]);
  const values = Object.fromEntries(set.map((text) => pair("--set", text)));
  const launch: LaunchOptions = {
    ...(Object.keys(variables).length > 0 ? { env: variables } : {}),
    ...(args.length > 0 ? { args } : {}),
    ...(cwd === undefined ? {} : { cwd: resolve(cwd) }),
    ...(set.length > 0 ? { values } : {}),
  };
  return Object.keys(launch).length > 0 ? launch : undefined;
}

function pair(option: string, text: string, inherited: NodeJS.ProcessEnv = {}): readonly [string, string] {
  const at = text.indexOf("=");
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  const value = at < 0 && Object.hasOwn(inherited, text) ? inherited[text] : undefined;
  if (value !== undefined) return [text, value];
  throw new UsageError(
    option === "--env" && at < 0
      ? "--env with a name alone takes the value from your environment, where there is none: write NAME=VALUE."
      : `${option} must have the form NAME=VALUE.`,
  );
}
