import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { printable } from "../ffi/printable.ts";
import { MAX_LEASE_MS } from "../lifecycle/time.ts";
import { strategyNames } from "../strategies/names.ts";
import { pathOf, print, say } from "./report.ts";

/** A subcommand of which every mistake ends with one line that says how to get help. `examples` are whole lines. */
export function subcommand(name: string, description: string, examples: readonly string[]): Command {
  const command: Command = settled(new Command(name))
    .description(description)
    .option("--json", "print one JSON value on stdout, and nothing else there");
  return command.addHelpText("after", `\nExamples:\n${examples.map((line) => `  ${line}`).join("\n")}`);
}

/** The settings that all commands of ours share. */
export function settled(command: Command): Command {
  return command
    .exitOverride()
    .showSuggestionAfterError()
    .helpOption("-h, --help", "show this")
    .configureOutput({
      writeOut: (text) => print(text.trimEnd()),
      writeErr: (text) => say(text.trimEnd()),
      outputError: (text) => {
        const path = pathOf(command);
        const line = oneLine(text);
        say(`${path}: ${line}${hintOn(command, line)} Run: ${path} --help`);
      },
    });
}

/** What commander says, "error: unknown option '--x'\n(Did you mean …?)", as one sentence. */
export function oneLine(text: string): string {
  const line = text
    .trim()
    .replace(/^error: /, "")
    .replace(/\s*\n\s*/g, " ");
  return printable(/[.?)!]$/.test(line) ? line : `${line}.`);
}

/** For an option that belongs somewhere else. */
function hintOn(command: Command, line: string): string {
  const passes = command.options.some(({ long }) => long === "--criu-option");
  if (passes && line.startsWith("too many arguments")) return " Options of CRIU itself: --criu-option OPTION.";
  const option = /^unknown option '([^']+)'\.$/.exec(line)?.[1];
  if (option === undefined) return "";
  const takes = (name: string): boolean => command.registeredArguments.some((argument) => argument.name() === name);
  if (takes("dir") && /^(-D|--images-dir)/.test(option)) return " Name the directory without it.";
  return passes ? ` To pass it to CRIU: --criu-option ${option}.` : "";
}

/** True for an end that commander asks for; help and the version are no mistakes. */
export function isCommanderEnd(error: unknown): error is CommanderError {
  return error instanceof CommanderError;
}

/** Reads an argument or option that is a positive whole number. */
export function positive(text: string): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new InvalidArgumentError("It must be a positive whole number.");
}

function lease(text: string): number {
  const ms = positive(text);
  if (ms <= MAX_LEASE_MS) return ms;
  throw new InvalidArgumentError(`It must be at most ${MAX_LEASE_MS}: ten minutes.`);
}

/** Adds the value of an option that may be repeated. */
export function collect(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** The options of those subcommands that notify apps. */
export interface NoticeFlags {
  readonly strategy?: "signal" | "socket" | "file";
  readonly atPoint?: boolean;
  readonly timeoutMs: number;
  readonly leaseMs: number;
}

/** Adds the options of {@linkcode NoticeFlags}. */
export function withNoticeFlags(command: Command): Command {
  return command
    .addOption(
      new Option("--strategy <name>", "how to notify (default: the first that the app has)").choices(strategyNames),
    )
    .option("--at-point", "wait until an app of the tree is at its point, agent.point()")
    .option("--timeout-ms <ms>", "how long the apps may prepare, or --at-point waits", positive, 10_000)
    .option("--lease-ms <ms>", "how long a ready app holds without a sign of life", lease, 5_000);
}

/** What is meant for CRIU. */
export interface CriuFlags {
  /** Options of CRIU itself, as its command line has them. */
  readonly criuOption?: readonly string[];
}

/** Adds the option of {@linkcode CriuFlags}. */
export function withCriuOptions(
  command: Command,
  text = "an option of CRIU itself, see criu(8); may be repeated",
): Command {
  return command.option("--criu-option <option>", text, collect);
}
