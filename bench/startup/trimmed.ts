import type { Resource } from "criu-aware";

/** Gives back what nobody needs before a dump. Bun keeps little, and its engine loses compiled code when it is told to. */
export function trimmed(): Resource {
  return { name: "trimmed", tier: "runtime", beforeCheckpoint: collect };
}

async function collect(): Promise<void> {
  if (!("Deno" in globalThis)) return;
  const [{ setFlagsFromString }, { runInNewContext }] = await Promise.all([import("node:v8"), import("node:vm")]);
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc");
  gc();
  gc({ type: "major", execution: "sync", flavor: "last-resort" });
}
