import { execFile, execFileSync } from "node:child_process";
import { onPath } from "../ffi/on_path.ts";
import { printable } from "../ffi/printable.ts";
import { commandLine } from "../package/invocation.ts";
import { CriuError } from "./errors.ts";
import { findUnpacked, prefixOptions } from "./places.ts";

const NEEDED = [4, 2] as const;
/** What is named as CRIU may be anything, and hang. */
const limits = { encoding: "utf8", timeout: 10_000, killSignal: "SIGKILL" } as const;

/** A CRIU, and the version that it says it has, such as `4.2.1`. */
export interface LocatedCriu {
  readonly path: string;
  readonly version: string;
}

/** A CRIU that was chosen, and not started yet. */
export interface ChosenCriu {
  readonly path: string;
  /** Asks it once. Rejects with CriuError when it does not start, or is older than 4.2. */
  version(): Promise<string>;
}

/** How to get a CRIU that works here, in these places where they are named. */
export function criuCure(places: readonly string[] = []): string {
  return `Run: ${commandLine(["setup", ...places.flatMap(prefixOptions)])}`;
}

/**
 * The CRIU to use: the one named, else the one that our set-up has unpacked, else the one on the PATH.
 * @throws {CriuError} when there is none, it does not start, or it is older than 4.2; `explanation` says what to do.
 */
export function locateCriu(named?: string): string {
  return findCriu(named).path;
}

/** The same, with its version. Where `places` are given, only what the set-up has unpacked there counts. */
export function findCriu(named?: string, places?: readonly string[]): LocatedCriu {
  const path = named ?? criuIn(places);
  let output: string;
  try {
    output = execFileSync(path, ["--version"], { ...limits, stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    throw doesNotStart(path, places);
  }
  return { path, version: versionIn(output, path, places) };
}

/**
 * The same for whoever can do without its version at first: to ask takes as long as half of all that comes before CRIU's work.
 * @throws {CriuError} when there is none.
 */
export function chooseCriu(named?: string): ChosenCriu {
  const path = named ?? criuIn();
  let asked: Promise<string> | undefined;
  return { path, version: () => (asked ??= askVersion(path)) };
}

async function askVersion(path: string): Promise<string> {
  const output = await new Promise<string>((resolve, reject) => {
    execFile(path, ["--version"], limits, (error, text) => (error ? reject(doesNotStart(path)) : resolve(text)));
  });
  return versionIn(output, path);
}

/** @throws {CriuError} when it is too old. */
function versionIn(output: string, path: string, places?: readonly string[]): string {
  const version = printable(/Version:\s*(\S+)/.exec(output)?.[1] ?? "unknown", 100);
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])) return version;
  throw unusable(
    `CRIU ${version} is too old (${printable(path)}): before 4.2 it cannot dump sockets on Linux 6.16 and newer.`,
    places,
  );
}

function criuIn(places?: readonly string[]): string {
  const { path, refused } = findUnpacked("criu/bin/criu", places);
  const chosen = path ?? (places ? undefined : onPath("criu"));
  if (chosen !== undefined) return chosen;
  throw unusable(
    refused ? `CRIU is missing: the one of the set-up is not used, for ${refused.message}.` : "CRIU is missing.",
    places,
  );
}

function doesNotStart(path: string, places?: readonly string[]): CriuError {
  return unusable(`CRIU does not start: ${printable(path)}.`, places);
}

function unusable(meaning: string, places?: readonly string[]): CriuError {
  const cure = criuCure(places);
  return new CriuError("start", `${meaning} ${cure}`, { explanation: { meaning, cure, options: [] } });
}
