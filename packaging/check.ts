/** What the package is checked for, one file each under `checks/`, which exports `check`. `npm run package:check` runs them all. */
import { spawn } from "node:child_process";

/** The package as it is published, and where a check may work. */
export interface Packed {
  /** The tarball, as `npm publish` would send it. */
  readonly tarball: string;
  /** The same files unpacked. */
  readonly folder: string;
  /** The root of the source tree. */
  readonly root: string;
  /** An empty directory of this check alone, removed afterwards. It is outside of the source tree, so nothing resolves by accident. */
  readonly directory: string;
}

/** One check. */
export interface Check {
  /** What holds when it succeeds: `publint finds nothing`. */
  readonly name: string;
  /**
   * Resolves with what the line says further, such as a size. Throws why the check failed.
   * @throws {Skipped} when something that it needs is not there.
   */
  run(packed: Packed): Promise<string | undefined>;
}

/** A check cannot be made here. */
export class Skipped extends Error {
  override readonly name = "Skipped";
}

/** Runs a program and resolves with what it printed. @throws {Error} with all that it said, when it fails. */
export async function output(
  command: readonly string[],
  { cwd, env = {} }: { readonly cwd: string; readonly env?: Readonly<Record<string, string | undefined>> },
): Promise<string> {
  const [program, ...args] = command as [string, ...string[]];
  const child = spawn(program, args, {
    cwd,
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let stdout = "";
  let stderr = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const code = await new Promise((resolve, reject) => child.once("error", reject).once("close", resolve));
  if (code === 0) return stdout;
  throw new Error(`${command.join(" ")} in ${cwd} ended with ${code}:\n${stdout}${stderr}`);
}
