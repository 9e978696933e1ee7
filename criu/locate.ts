import { execFileSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { printable } from "../ffi/printable.ts";
import { CriuError } from "./errors.ts";

const NEEDED = [4, 2] as const;
/** Where our set-up unpacks CRIU when the system has none that works. */
const unpacked = join(import.meta.dirname ?? "/", "../.tools/criu/bin/criu");

/** A CRIU, and the version that it says it has, such as `4.2.1`. */
export interface LocatedCriu {
  readonly path: string;
  readonly version: string;
}

/**
 * The CRIU to use: the one named, else the one of our set-up, else the one on the PATH.
 * @throws {CriuError} when there is none, or it is older than 4.2.
 */
export function locateCriu(named?: string): string {
  return findCriu(named).path;
}

/** The same, with its version. */
export function findCriu(named?: string): LocatedCriu {
  const path = named ?? [unpacked, ...onPath("criu")].find(isExecutable);
  if (!path) throw new CriuError("start", "CRIU is missing. Install CRIU 4.2 or newer, or run: sh setup/setup.sh");
  let output: string;
  try {
    output = execFileSync(path, ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  } catch {
    throw new CriuError(
      "start",
      `CRIU does not start: ${printable(path)}. Install CRIU 4.2 or newer, or run: sh setup/setup.sh`,
    );
  }
  const version = printable(/Version:\s*(\S+)/.exec(output)?.[1] ?? "unknown", 100);
  const [major = 0, minor = 0] = version.split(".").map(Number);
  if (major > NEEDED[0] || (major === NEEDED[0] && minor >= NEEDED[1])) return { path, version };
  throw new CriuError(
    "start",
    `CRIU ${version} is too old (${printable(path)}): before 4.2 it cannot dump sockets on Linux 6.16 and newer. Install a newer one, or run: sh setup/setup.sh`,
  );
}

function onPath(name: string): string[] {
  return (process.env.PATH ?? "").split(delimiter).map((directory) => join(directory, name));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
