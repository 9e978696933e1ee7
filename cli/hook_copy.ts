import { lstatSync, rmdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { shippedText } from "../package/shipped.ts";
import { type Change, configurationFile, hookTargets, installedHook, readTrusted, trustedPath } from "./hook_file.ts";

/** The action script of this package. */
const ownScript = new URL("../criu/hook.sh", import.meta.url);

/** The path of that script; undefined where this package was loaded from a URL, and has no files. */
export function ownScriptPath(): string | undefined {
  return ownScript.protocol === "file:" ? fileURLToPath(ownScript.href) : undefined;
}

/** Where the copy of the script is that root runs. Its settings lie beside it, for no variable passes through runc or podman. */
export function scriptIn(directory: string): string {
  return join(directory, "criu-aware-hook.sh");
}

/** The settings of the script. */
export function settingsIn(directory: string): string {
  return join(directory, "criu-aware-hook.conf");
}

const UNAWARE = "CRIU_AWARE_UNAWARE";
const unawareLine = (unaware: boolean): string => `${UNAWARE}=${unaware ? 1 : 0}\n`;
const comment = `# Settings of criu-aware-hook.sh. The environment of CRIU comes first.
# ${UNAWARE}=1          dump also when no process is attached to criu-aware; 0: refuse
# CRIU_AWARE_TIMEOUT_MS=10000   how long apps may prepare
# CRIU_AWARE_LEASE_MS=5000      how long a ready app holds before the freeze
`;

// For hook uninstall: what was there before stays.
const MADE = "# Made by hook install; gone with it when empty: ";
const madeLine = (directory: string): string => {
  const first = firstMissing(directory);
  return first === undefined ? "" : `${MADE}${first}\n`;
};

/** The uppermost directory that is missing for `directory` to be there. */
function firstMissing(directory: string): string | undefined {
  let first: string | undefined;
  for (let at = directory; !lstatSync(at, { throwIfNoEntry: false }); at = dirname(at)) first = at;
  return first;
}

/** The directories that the settings in `directory` say we have made, it first. */
export function madeDirectories(directory: string): string[] {
  const first = readTrusted(settingsIn(directory))
    ?.split("\n")
    .find((line) => line.startsWith(MADE))
    ?.slice(MADE.length);
  const made: string[] = [];
  for (let at = directory; first !== undefined && `${at}/`.startsWith(`${first}/`); at = dirname(at)) made.push(at);
  return made;
}

/** Takes directories away, up to the first that is not empty. */
export function removeEmpty(directories: readonly string[]): void {
  try {
    for (const directory of directories) rmdirSync(directory);
  } catch {
    // Somebody has something in it.
  }
}

/**
 * What to change so that the script and its settings are in a directory. Settings that are there stay, except for `unaware` when it is
 * given; the first ones let processes without us be dumped as before.
 */
export async function planCopy(directory: string, unaware: boolean | undefined): Promise<Change[]> {
  const settings = settingsIn(directory);
  const before = readTrusted(settings);
  const others =
    before?.replace(new RegExp(`^${UNAWARE}=.*\n?`, "gm"), "").replace(/[^\n]$/, "$&\n") ??
    comment + madeLine(directory);
  const stays = before !== undefined && unaware === undefined;
  const after = stays ? before : others + unawareLine(unaware ?? true);
  return [
    {
      path: scriptIn(directory),
      before: readTrusted(scriptIn(directory)),
      after: await shippedText(ownScript),
      mode: 0o755,
    },
    { path: settings, before, after, mode: 0o644 },
  ];
}

/**
 * What to change so that they are gone, unless the configuration of a target still names the script once `changes` are made. Settings
 * that somebody has edited stay.
 */
export function planNoCopy(directory: string, changes: readonly Change[]): Change[] {
  const isNamed = hookTargets
    .map((target) => trustedPath(configurationFile(target, directory)))
    .some((path) => {
      const change = changes.find((one) => one.path === path);
      return installedHook((change ? change.after : readTrusted(path)) ?? "") === scriptIn(directory);
    });
  if (isNamed) return [];
  const isEdited = ({ before }: Change): boolean => {
    const text = before
      ?.split("\n")
      .filter((line) => !line.startsWith(MADE))
      .join("\n");
    return text !== undefined && ![true, false].some((unaware) => text === comment + unawareLine(unaware));
  };
  const gone = (path: string): Change => ({ path, before: readTrusted(path), after: undefined });
  const settings = gone(settingsIn(directory));
  return [gone(scriptIn(directory)), ...(isEdited(settings) ? [] : [settings])];
}
