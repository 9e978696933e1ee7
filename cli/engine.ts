import { type Command, Option } from "commander";
import type { Engine } from "../driver/engine.ts";

/** The options of those subcommands that run CRIU. */
export interface EngineFlags {
  readonly engine: "rpc" | "command";
  readonly criu?: string;
}

/** Adds the options of {@linkcode EngineFlags}. */
export function withEngineFlags(command: Command): Command {
  return command
    .addOption(
      new Option("--engine <name>", "how to drive CRIU: by its RPC, or by its command line and an action script")
        .choices(["rpc", "command"])
        .default("rpc"),
    )
    .option("--criu <path>", "the criu to run (default: that of the set-up, else the one on the PATH)");
}

/** The engine that the options ask for. Throws CriuError when CRIU is missing or too old. */
export async function pickEngine({ engine, criu }: EngineFlags): Promise<Engine> {
  const { command, rpc } = await import("../driver/engines.ts");
  return (engine === "rpc" ? rpc : command)(criu === undefined ? {} : { criu });
}
