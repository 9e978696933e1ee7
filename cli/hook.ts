import { copyFileSync, existsSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Command, Option } from "commander";
import { UsageError } from "../criu/usage_error.ts";
import { printable } from "../ffi/printable.ts";
import {
  applyChange,
  backupOf,
  type Change,
  CONFIGURATION_DIR,
  configurationFile,
  type HookTarget,
  hookLine,
  hookTargets,
  planChange,
} from "./hook_file.ts";
import { paint } from "./paint.ts";
import { type Report, reporting, say } from "./report.ts";
import { settled, subcommand } from "./subcommand.ts";

interface Flags {
  readonly for: HookTarget;
  readonly dir: string;
  readonly dryRun?: boolean;
  readonly copy?: boolean;
}

const ownScript = join(import.meta.dirname as string, "../criu/hook.sh");

/** `criu-aware hook` */
export function hook(): Command {
  return settled(new Command("hook"))
    .usage("<command> [options]")
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .description("have apps told by whoever runs CRIU, through an action script")
    .addHelpText("after", examples)
    .addCommand(install())
    .addCommand(uninstall())
    .addCommand(printHook())
    .helpCommand(false);
}

const examples = `
Examples:
  criu-aware hook install --dry-run
  criu-aware hook install --for runc
  criu-aware hook uninstall`;

function install(): Command {
  const command = subcommand("install", "add the action script to a configuration file of CRIU", [
    "criu-aware hook install --dry-run",
    "criu-aware hook install --for runc",
    "criu-aware hook install --copy",
  ]).option("--copy", "copy the script into the directory, and name the copy: it survives an update of this package");
  return withFileFlags(command).action(reporting((flags: Flags) => change(flags, "installed")));
}

function uninstall(): Command {
  const command = subcommand("uninstall", "take the action script out again; all else stays as it is", [
    "criu-aware hook uninstall",
    "criu-aware hook uninstall --for runc --dry-run",
  ]);
  return withFileFlags(command).action(reporting((flags: Flags) => change(flags, "absent")));
}

function printHook(): Command {
  return subcommand("print", "print the line for a configuration file, to add it by hand", [
    "criu-aware hook print",
    "criu-aware hook print >> /etc/criu/runc.conf",
  ]).action(
    reporting(async () => ({ value: { script: ownScript, line: hookLine(ownScript) }, text: hookLine(ownScript) })),
  );
}

function withFileFlags(command: Command): Command {
  return command
    .addOption(new Option("--for <program>", "whose configuration").choices(hookTargets).default("criu"))
    .option("--dir <dir>", "where its configuration is", CONFIGURATION_DIR)
    .option("--dry-run", "show what would change, and change nothing");
}

async function change({ dryRun = false, ...flags }: Flags, want: "installed" | "absent"): Promise<Report> {
  const directory = resolve(flags.dir);
  const script = flags.copy ? join(directory, "criu-aware-hook.sh") : ownScript;
  const planned = planChange(configurationFile(flags.for, directory), want, script);
  if (!dryRun) {
    if (flags.copy) copyScript(directory, script);
    applyChange(planned);
  }
  const { path, before, after } = planned;
  const changed = before !== after;
  if (want === "installed" && !flags.copy) warnOfTemporary(script);
  return {
    value: { file: path, script, changed, dryRun, ...(await asPatch(planned)) },
    text: changed ? await asText(planned, dryRun) : `nothing to do: ${printable(path)} ${already[want]}`,
  };
}

const already = { installed: "has the hook", absent: "does not have the hook" };

function warnOfTemporary(script: string): void {
  if (!script.startsWith(`${tmpdir()}/`)) return;
  say(`criu-aware hook install: ${printable(script)} may go: then every dump fails. Better install a copy: --copy`);
}

function copyScript(directory: string, script: string): void {
  try {
    mkdirSync(directory, { recursive: true });
    copyFileSync(ownScript, script);
  } catch (error) {
    throw new UsageError(`Cannot copy the script to ${script}: ${(error as Error).message}. Run this with sudo.`);
  }
}

async function asPatch({ path, before, after }: Change): Promise<{ readonly diff: string }> {
  if (before === after) return { diff: "" };
  const { createTwoFilesPatch } = await import("diff");
  const name = (text: string | undefined): string => (text === undefined ? "/dev/null" : printable(path));
  const patch = createTwoFilesPatch(name(before), name(after), before ?? "", after ?? "", "", "", { context: 2 });
  return { diff: patch.replace(/^=+\n/, "").trimEnd() };
}

async function asText(planned: Change, dryRun: boolean): Promise<string> {
  const { diff } = await asPatch(planned);
  const colours = { "+": "green", "-": "red", "@": "dim" } as const;
  const lines = diff.split("\n").map((line) => {
    const colour = colours[line[0] as keyof typeof colours];
    return colour ? paint(colour, line) : line;
  });
  const backup = backupOf(planned.path);
  const kept = existsSync(backup) ? `; what was there before is in ${printable(backup)}` : "";
  return [...lines, "", dryRun ? "dry run: nothing was changed" : `written${kept}`].join("\n");
}
