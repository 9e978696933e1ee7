import { spawn } from "node:child_process";
import { CriuError } from "../errors.ts";

/** What an orphan is started with. */
export interface OrphanOptions {
  /** CRIU's end of the socket. */
  readonly theirs: number;
  /** Takes what CRIU prints. */
  readonly log: number;
  /** A command to run when CRIU has succeeded. @default none */
  readonly then?: readonly string[];
}

/**
 * Starts `criu swrk` outside of this process's tree: the shell and setsid(1) end at once, and whatever is above adopts it. No
 * pipe to it stays open, which CRIU could not dump. Resolves when it has been let go.
 * @throws {CriuError} when it cannot be started.
 */
export async function startOrphan(criu: string, { theirs, log, then = ["true"] }: OrphanOptions): Promise<void> {
  const script = 'exec setsid -f sh -c \'"$0" swrk 3 && exec 3>&- && exec "$@"\' "$0" "$@"';
  const child = spawn("sh", ["-c", script, criu, ...then], {
    stdio: ["ignore", log, log, theirs],
    env: { ...process.env, CRIU_AWARE_DRIVER: "rpc" },
  });
  const status = await new Promise<number | string | null>((resolve) => {
    child.once("error", ({ message }) => resolve(message));
    child.once("exit", resolve);
  });
  if (status !== 0) throw new CriuError("start", `Cannot start CRIU apart from this process: ${status}`);
}
