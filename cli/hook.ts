import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { Command, Option } from "commander";
import { UsageError } from "../criu/usage_error.ts";
import { printable } from "../ffi/printable.ts";
import {
  madeDirectories,
  ownScriptPath,
  planCopy,
  planNoCopy,
  removeEmpty,
  scriptIn,
  settingsIn,
} from "./hook_copy.ts";
import {
  applyChange,
  backupOf,
  type Change,
  CONFIGURATION_DIR,
  configurationFile,
  type HookTarget,
  hookLine,
  hookTargets,
  installedHook,
  planAbsent,
  planInstalled,
  planNoBackup,
  trustedPath,
} from "./hook_file.ts";
import { paint } from "./paint.ts";
import { type Report, reporting } from "./report.ts";
import { settled, subcommand } from "./subcommand.ts";

interface Flags {
  readonly for: HookTarget;
  readonly dir: string;
  readonly dryRun?: boolean;
  readonly unaware?: boolean;
}

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
  const command = subcommand("install", "copy the action script beside CRIU's configuration, and have CRIU run it", [
    "criu-aware hook install --dry-run",
    "criu-aware hook install --for runc",
    "criu-aware hook install --no-unaware",
  ])
    .option("--unaware", "dump processes without criu-aware as before (what a first install sets)")
    .option("--no-unaware", "refuse to dump them");
  return withFileFlags(command).action(reporting(runInstall));
}

function uninstall(): Command {
  const command = subcommand("uninstall", "take the action script out again; all else stays as it is", [
    "criu-aware hook uninstall",
    "criu-aware hook uninstall --for runc --dry-run",
  ]);
  return withFileFlags(command).action(reporting(runUninstall));
}

function printHook(): Command {
  return subcommand("print", "print the line for a configuration file, to add it by hand", [
    "criu-aware hook print",
    "criu-aware hook print >> /etc/criu/runc.conf",
  ]).action(reporting(runPrint));
}

function withFileFlags(command: Command): Command {
  return command
    .addOption(new Option("--for <program>", "whose configuration").choices(hookTargets).default("criu"))
    .option("--dir <dir>", "where its configuration is", CONFIGURATION_DIR)
    .option("--dry-run", "show what would change, and change nothing");
}

async function runPrint(): Promise<Report> {
  const script = ownScriptPath();
  if (script === undefined) {
    throw new UsageError(
      "Cannot name the action script: CRIU runs files only, and this criu-aware was loaded from a URL. Use: criu-aware hook install",
    );
  }
  return { value: { script, line: hookLine(script) }, text: hookLine(script) };
}

async function runInstall(flags: Flags): Promise<Report> {
  const directory = trustedPath(resolve(flags.dir));
  const path = trustedPath(configurationFile(flags.for, directory));
  const nftables = flags.for !== "criu" && !hasIptables();
  const planned = planInstalled(path, scriptIn(directory), nftables);
  const byHand =
    planned.before !== undefined && planned.after === planned.before && !planned.after.includes(scriptIn(directory));
  // The configuration last: it never names a script that is not there.
  const changes = byHand ? [] : [...(await planCopy(directory, flags.unaware)), planned];
  return report(flags, path, changes, "installed", "has the hook", [
    `Settings: ${printable(settingsIn(directory))}`,
    "Why a dump is refused: see CRIU's log (runc and podman: dump.log), or run",
    "  journalctl -t criu-aware",
  ]);
}

async function runUninstall(flags: Flags): Promise<Report> {
  const directory = trustedPath(resolve(flags.dir));
  const path = trustedPath(configurationFile(flags.for, directory));
  const planned = planAbsent(path);
  const copies = planNoCopy(directory, [planned]);
  const isLast = copies.some(({ path, after }) => path === settingsIn(directory) && after === undefined);
  const directories = isLast ? madeDirectories(directory) : [];
  const byHand = installedHook(planned.after ?? "") !== undefined;
  const state = byHand ? "has a line that somebody added by hand: take it out there" : "does not have the hook";
  const changes = [planned, ...copies, planNoBackup(path)];
  const reported = await report(
    flags,
    path,
    changes,
    "removed",
    state,
    directories.map((made) => fileLine("removed", `${printable(made)} (when it is empty)`)),
  );
  if (!flags.dryRun) removeEmpty(directories);
  return reported;
}

async function report(
  { dryRun = false }: Flags,
  file: string,
  changes: readonly Change[],
  done: "installed" | "removed",
  state: string,
  notes: readonly string[],
): Promise<Report> {
  const different = changes.filter(({ before, after }) => before !== after);
  if (!dryRun) different.forEach(applyChange);
  const patches = await Promise.all(different.map(asPatch));
  const diff = patches.join("\n");
  const changed = different.length > 0;
  return {
    value: { file, changed, dryRun, diff, files: different.map(({ path }) => path) },
    text: changed
      ? [
          ...diff.split("\n").map(colour),
          "",
          ...(dryRun ? ["dry run: nothing was changed"] : outcome(file, different, done)),
          ...notes,
        ].join("\n")
      : `nothing to do: ${printable(file)} ${state}`,
  };
}

/** What was done with each file. */
function outcome(file: string, changes: readonly Change[], done: string): string[] {
  const lines = changes.map(({ path, before, after }) => {
    const what = before === undefined ? "made" : after === undefined ? "removed" : "changed";
    const backup =
      path === file && existsSync(backupOf(file)) ? ` (as it was before: ${printable(backupOf(file))})` : "";
    return fileLine(what, `${printable(path)}${backup}`);
  });
  return [`${done}:`, ...lines];
}

function fileLine(what: string, path: string): string {
  return `  ${what.padEnd(7)}  ${path}`;
}

/** The script is not shown: it is the one of this package. */
async function asPatch({ path, before, after }: Change): Promise<string> {
  if (path.endsWith(".sh")) return `${after === undefined ? "-" : "+"} ${printable(path)} (the action script)`;
  const { createTwoFilesPatch } = await import("diff");
  const name = (text: string | undefined): string => (text === undefined ? "/dev/null" : printable(path));
  const patch = createTwoFilesPatch(name(before), name(after), before ?? "", after ?? "", "", "", { context: 2 });
  return patch.replace(/^=+\n/, "").trimEnd();
}

const colours = { "+": "green", "-": "red", "@": "dim" } as const;

function colour(line: string): string {
  const name = colours[line[0] as keyof typeof colours];
  return name ? paint(name, line) : line;
}

/** CRIU locks the network of a container by these programs unless it is told otherwise: criu(8), --network-lock. */
function hasIptables(): boolean {
  const places = [...(process.env.PATH ?? "").split(":"), "/usr/sbin", "/sbin"];
  return places.some((place) => existsSync(`${place}/iptables-restore`));
}
