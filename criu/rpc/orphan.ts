import { spawn } from "node:child_process";
import { CriuError } from "../errors.ts";

/**
 * Starts `criu swrk` on the socket `theirs` outside of this process's tree: the shell and setsid(1) end at once, and whatever
 * is above adopts it. No pipe to it stays open, which CRIU could not dump. Resolves when it has been let go.
 * @throws {CriuError} when it cannot be started.
 */
export async function startOrphan(criu: string, theirs: number, log: number): Promise<void> {
  const child = spawn("sh", ["-c", 'exec setsid -f "$0" swrk 3', criu], {
    stdio: ["ignore", log, log, theirs],
    env: { ...process.env, CRIU_AWARE_DRIVER: "rpc" },
  });
  const status = await new Promise<number | string | null>((resolve) => {
    child.once("error", ({ message }) => resolve(message));
    child.once("exit", resolve);
  });
  if (status !== 0) throw new CriuError("start", `Cannot start CRIU apart from this process: ${status}`);
}
