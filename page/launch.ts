import type { Launch } from "../lifecycle/types.ts";

/** Reads what a driver has left. Throws when it is damaged; nothing of what stands there is said, for it may be a secret. */
export function readLaunch(text: string): Launch {
  try {
    const launch = JSON.parse(text || "{}");
    const { env = {}, wholeEnv = false, args = [], cwd = "", values = {} } = launch;
    const isMap = (value: unknown): boolean => Object(value) === value && !Array.isArray(value);
    const texts = [...args, cwd, ...Object.values(values), ...Object.values(env).map((value) => value ?? "")];
    if (
      [launch, env, values].every(isMap) &&
      Array.isArray(args) &&
      typeof wholeEnv === "boolean" &&
      texts.every((text) => typeof text === "string")
    )
      return launch;
  } catch {}
  throw new Error("what the driver handed over is damaged");
}
