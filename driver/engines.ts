import { resolve } from "node:path";
import { commandRunner } from "../criu/command.ts";
import { type ChosenCriu, chooseCriu } from "../criu/locate.ts";
import { rpcRunner } from "../criu/rpc/rpc.ts";
import type { Runner } from "../criu/run.ts";
import { checkOptions } from "./check_options.ts";
import { requireDescriptors } from "./descriptor_limit.ts";
import type { Engine } from "./engine.ts";
import type { CriuQueries } from "./queries.ts";

/** Options of an engine that runs CRIU. */
export interface CriuEngineOptions {
  /** The criu binary. @default that of our set-up, else the one on the PATH */
  readonly criu?: string;
}

/**
 * Drives CRIU by its RPC: CRIU itself asks this process at each hook, no process is started for one. When this process dies
 * during a dump, CRIU takes that as a refusal, and the apps go on.
 *
 * @throws {CriuError} when CRIU is missing. One that is too old, or does not start, rejects what is asked of the engine.
 * @throws {UsageError} for an option that there is not.
 * @example
 * ```ts
 * import { rpc } from "criu-aware/driver";
 * await rpc().dump({ pid: 1234, imagesDir: "/var/tmp/images", criuOptions: { tcpClose: true } });
 * ```
 */
export function rpc(options: CriuEngineOptions = {}): Engine & CriuQueries {
  const criu = chosenCriu(options);
  return { ...queriesOf(criu.path), ...engine("rpc", rpcRunner(criu)) };
}

/** Few ask: what is needed for it is loaded with the first question. */
function queriesOf(path: string): CriuQueries {
  const load = async (): Promise<CriuQueries> => (await import("./queries.ts")).queries(path);
  return {
    version: async () => (await load()).version(),
    features: async () => (await load()).features(),
    check: async () => (await load()).check(),
    dumpCpuInfo: async (imagesDir) => (await load()).dumpCpuInfo(imagesDir),
    checkCpuInfo: async (imagesDir) => (await load()).checkCpuInfo(imagesDir),
    preDump: async (options) => (await load()).preDump(options),
  };
}

/**
 * Drives the `criu` binary, with our action script. The script asks this process: when this process dies, the script fails,
 * CRIU gives up, and the apps go on.
 *
 * @throws {CriuError} when CRIU is missing. One that is too old, or does not start, rejects what is asked of the engine.
 * @throws {UsageError} for an option that there is not.
 * @example
 * ```ts
 * import { command } from "criu-aware/driver";
 * const { noticeToReadyMs } = await command().dump({ pid: 1234, imagesDir: "/var/tmp/images" });
 * ```
 */
export function command(options: CriuEngineOptions = {}): Engine {
  return engine("command", commandRunner(chosenCriu(options)));
}

function chosenCriu(options: CriuEngineOptions): ChosenCriu {
  checkOptions(options, { criu: "path" });
  return chooseCriu(options.criu);
}

/** What a dump needs is not loaded for a restore, and the other way round: the command should start at once. */
function engine(kind: Engine["kind"], runner: Runner): Engine {
  return {
    kind,
    async dump(options) {
      requireDescriptors();
      const [{ dumpTree }, { tellingLauncher }] = await Promise.all([import("./dump.ts"), import("./launcher.ts")]);
      return await tellingLauncher(options.pid, resolve(options.imagesDir), () => dumpTree(runner, options));
    },
    async restore(options) {
      requireDescriptors();
      const { restoreTree } = await import("./restore.ts");
      return await restoreTree(runner, options);
    },
  };
}
