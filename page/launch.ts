import type { Launch } from "../lifecycle/types.ts";

/** Reads what a driver has left. Throws when it is damaged; nothing of what stands there is said, for it may be a secret. */
export function readLaunch(text: string): Launch {
  try {
    const launch = JSON.parse(text || "{}");
    const { env = {}, args = [], cwd = "", values = {} } = launch;
    const words = [args, cwd, Object.values(env), Object.values(values)].flat();
    if (
      Object(launch) === launch &&
      Array.isArray(args) &&
      words.every((word) => word === null || typeof word === "string")
    )
      return launch;
  } catch {}
  throw new Error("what the driver handed over is damaged");
}
