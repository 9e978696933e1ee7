import { join } from "node:path";
import { criuAware, criuHere, type User } from "./user.ts";

/**
 * `criu-aware setup --check` finds the CRIU of this machine; where there is none it ends with 1, and names the line that gets one.
 * @param line how our command is typed there.
 */
export async function checkSetup(user: User, line: string): Promise<void> {
  if (criuHere().path) await criuAware(user, "setup", "--check");
  const prefix = join(user.directory, "no-tools");
  const said = await criuAware(user, "setup", "--check", "--json", "--prefix", prefix).catch(
    (error: Error) => error.message,
  );
  // Words of a JSON value, for the text is folded.
  for (const words of ["ended with 1:", "CRIU is missing", `Run: ${line} setup`])
    if (!said.includes(words)) throw new Error(`setup --check did not say "${words}", but: ${said}`);
}

/** `criu-aware setup --prefix DIR` gets a CRIU that works, and every command finds it there. */
export async function setUp(user: User): Promise<void> {
  const prefix = join(user.directory, "tools");
  await criuAware(user, "setup", "--prefix", prefix);
  // The directory of the variable comes before the PATH.
  const found = { ...user, env: { ...user.env, CRIU_AWARE_PREFIX: prefix } };
  const { tools } = JSON.parse(await criuAware(found, "setup", "--check", "--json"));
  const path = join(prefix, "criu/bin/criu");
  if (tools[0].path !== path) throw new Error(`setup has unpacked ${path}, but ${tools[0].path} is used`);
}
