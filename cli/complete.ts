import type { Argument, Command, Option } from "commander";
import { printable } from "../ffi/printable.ts";

/** What may stand at the cursor. */
export interface Completion {
  readonly candidates: readonly (readonly [word: string, description: string])[];
  /** What the shell knows better. */
  readonly besides: "nothing" | "files" | "directories";
}

type Slot = Option | Argument;

/** What is known of the words before the cursor. */
interface Position {
  readonly command: Command;
  /** How many arguments it has already. */
  readonly given: number;
  /** After "--", or what belongs to the program that is run. */
  readonly noOptions: boolean;
  /** The option whose value is next. */
  readonly option: Option | undefined;
}

/** Completes the last of `words`, which may be empty. Reads only: what is there on this host, and our own command line. */
export async function candidatesFor(program: Command, words: readonly string[]): Promise<Completion> {
  const { command, given, noOptions, option } = readWords(program, words.slice(0, -1));
  // Bash makes three words of --name=value.
  const word = (words.at(-1) ?? "").replace(/^=$/, "");
  const [, flag, value] = noOptions ? [] : (/^(--[^=]+)=(.*)$/s.exec(word) ?? []);
  if (option) return forSlot(option, word);
  if (flag !== undefined) return forSlot(findOption(command, flag), value as string);
  if (word.startsWith("-") && !noOptions) return named(optionsOf(command), word);
  if (command.commands.length > 0) return named(subcommandsOf(command), word);
  const { registeredArguments: all } = command;
  const last = all.at(-1);
  return forSlot(all[given] ?? (last?.variadic ? last : undefined), word);
}

function readWords(program: Command, words: readonly string[]): Position {
  let position: Position = { command: program, given: 0, noOptions: false, option: undefined };
  for (const word of words) position = readWord(position, word);
  return position;
}

function readWord(position: Position, word: string): Position {
  const { command, given, noOptions, option } = position;
  if (option) return word === "=" ? position : { ...position, option: undefined };
  if (!noOptions && word === "--") return { ...position, noOptions: true };
  if (!noOptions && word.startsWith("-")) {
    const found = findOption(command, word);
    return found?.required || found?.optional ? { ...position, option: found } : position;
  }
  const subcommand = command.commands.find((one) => one.name() === word);
  if (subcommand && given === 0) return { ...position, command: subcommand };
  // The options after the program of `run` are those of the program.
  return { ...position, given: given + 1, noOptions: noOptions || command.name() === "run" };
}

function findOption(command: Command, flag: string): Option | undefined {
  return command.options.find(({ short, long }) => flag === short || flag === long);
}

function optionsOf(command: Command): [string, string][] {
  const options = command.createHelp().visibleOptions(command);
  return options.map(({ long, short, description }) => [long ?? short ?? "", description]);
}

function subcommandsOf(command: Command): [string, string][] {
  const commands = command.createHelp().visibleCommands(command);
  return commands.map((one) => [one.name(), one.description()]);
}

function named(all: readonly [string, string][], word: string): Completion {
  return { candidates: all.filter(([name]) => name.startsWith(word)), besides: "nothing" };
}

/** By the name that the help gives the value. */
async function forSlot(slot: Slot | undefined, word: string): Promise<Completion> {
  if (slot?.argChoices)
    return named(
      slot.argChoices.map((choice) => [choice, ""]),
      word,
    );
  const name = slot === undefined ? "" : "flags" in slot ? (/<(.*)>/.exec(slot.flags)?.[1] ?? "") : slot.name();
  const pids = /\bpid\b/.test(name) ? named(await attached(), word).candidates : [];
  if (/\b(?:dir|other)\b/.test(name)) return { candidates: pids, besides: "directories" };
  return { candidates: pids, besides: /\b(?:file|path|command)\b/.test(name) ? "files" : "nothing" };
}

async function attached(): Promise<[string, string][]> {
  const { listAttached } = await import("../driver/status.ts");
  const processes = await listAttached().catch(() => []);
  return processes.map(({ pid, command }) => [String(pid), printable(command.join(" "), 60)]);
}
