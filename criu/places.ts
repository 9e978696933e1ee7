import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { isAbsolute, join, resolve } from "node:path";
import { requireOnlyWriter, requireOwner, UntrustedPathError, walkTrusted } from "../ffi/trusted_path.ts";
import { readUsers } from "../ffi/users.ts";
import { checkout } from "../package/invocation.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The variable that names a directory for what the set-up unpacks, to write to and to look in first. */
export const PREFIX_VARIABLE = "CRIU_AWARE_PREFIX";
/** Where root's lies: nobody else can write there, and every user of the machine finds it (FHS 3.0, "/opt"). */
const SYSTEM = "/opt/criu-aware";

/**
 * The directories where what the set-up unpacks may lie: it writes to the first, and every command looks in all, in this order. In a
 * checkout that is `.tools`; then, for root, that of the whole system and that of the user who ran sudo, for others their own one (XDG
 * base directories) and that of the system.
 */
export function toolPlaces(env: Environment = process.env): string[] {
  const { [PREFIX_VARIABLE]: prefix } = env;
  const tools = checkoutTools();
  const own = process.geteuid?.() === 0 ? [SYSTEM, ...placesOfSudoUser(env)] : [placeOfUser(env), SYSTEM];
  return [...(prefix ? [resolve(prefix)] : []), ...(tools === undefined ? [] : [tools]), ...own];
}

/** Where a checkout keeps its tools. Who can change them can change this code as well. */
export function checkoutTools(): string | undefined {
  const root = checkout();
  return root === undefined ? undefined : join(root, ".tools");
}

/** The options of `setup` that name this place, for a command that is told: none where it is the place that `setup` chooses. */
export function prefixOptions(place: string): string[] {
  return place === toolPlaces()[0] ? [] : ["--prefix", place];
}

/** What of a tool was found. */
export interface UnpackedFile {
  readonly path?: string;
  /** Of the first place that has it, and where somebody else could replace it: it is not to be used. */
  readonly refused?: UntrustedPathError;
}

/** Looks for a file of a tool that the set-up has unpacked, such as `criu/bin/criu`. */
export function findUnpacked(file: string, places: readonly string[] = toolPlaces()): UnpackedFile {
  let refused: UntrustedPathError | undefined;
  for (const place of places) {
    const path = join(place, file);
    try {
      if (!existsSync(path)) continue;
      if (place !== checkoutTools()) requireTrusted(path);
      return { path };
    } catch (error) {
      if (!(error instanceof UntrustedPathError)) throw error;
      refused ??= error;
    }
  }
  return refused ? { refused } : {};
}

function requireTrusted(file: string): void {
  const { path, stat } = walkTrusted(file);
  if (!stat) return;
  requireOwner(path, stat);
  requireOnlyWriter(path, stat);
}

function placeOfUser({ XDG_DATA_HOME, HOME }: Environment): string {
  // A relative one is to be ignored: XDG Base Directory Specification.
  const data = XDG_DATA_HOME && isAbsolute(XDG_DATA_HOME) ? XDG_DATA_HOME : join(HOME || homedir(), ".local/share");
  return join(data, "criu-aware");
}

/** Sudo keeps no XDG_DATA_HOME: only the default place can be known. */
function placesOfSudoUser({ SUDO_UID }: Environment): string[] {
  if (!SUDO_UID) return [];
  const home = readUsers().get(Number(SUDO_UID))?.home;
  return home && isAbsolute(home) ? [placeOfUser({ HOME: home })] : [];
}
