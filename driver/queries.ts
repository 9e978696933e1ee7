import { join, resolve } from "node:path";
import { CriuError } from "../criu/errors.ts";
import { printedLines } from "../criu/log.ts";
import type { CriuOptions } from "../criu/options.ts";
import { type Response, requestTypes } from "../criu/rpc/messages.ts";
import { swrkArguments, toRpc } from "../criu/rpc/options.ts";
import { Swrk } from "../criu/rpc/swrk.ts";
import { openLibc } from "../ffi/libc.ts";
import { checkOptions } from "./check_options.ts";
import { runError } from "./failure.ts";
import { claimImagesDir } from "./images_dir.ts";
import { moveIntoImages, openWorkDir } from "./work_dir.ts";

/** What CRIU says of itself. */
export interface CriuVersion {
  /** The 4 of 4.2.1. */
  readonly major: number;
  /** The 2 of 4.2.1. */
  readonly minor: number;
  /** The 1 of 4.2.1. */
  readonly sublevel: number;
  /** The commit, when it was built from a checkout; otherwise empty. */
  readonly gitId: string;
}

/** What this kernel lets CRIU do. */
export interface CriuFeatures {
  /** Tracks which pages change: needed for pre-dumps and for incremental dumps. */
  readonly memTrack: boolean;
  /** Restores pages when they are first used. */
  readonly lazyPages: boolean;
  /** Keeps a pidfd of each process, so that another process that has got its pid is not taken for it. */
  readonly pidfdStore: boolean;
}

/** What can be asked of CRIU by RPC, besides dumps and restores. All reject with CriuError when CRIU fails. */
export interface CriuQueries {
  /** The version of the binary that runs. */
  version(): Promise<CriuVersion>;
  /** What the kernel has for it. */
  features(): Promise<CriuFeatures>;
  /** What `criu check` finds. It proves little: a trial dump and restore (`tryCriu`) proves more. */
  check(): Promise<boolean>;
  /** Writes what this CPU can do into a directory, made if it is not there. */
  dumpCpuInfo(imagesDir: string): Promise<void>;
  /** Whether this CPU can do what a directory says. */
  checkCpuInfo(imagesDir: string): Promise<boolean>;
  /**
   * Writes the memory of a running tree ahead of its dump, which then names this directory as `prevImagesDir` and writes only
   * what changed since. Nobody is notified: the apps go on. Needs `features().memTrack`.
   */
  preDump(options: {
    readonly pid: number;
    readonly imagesDir: string;
    readonly criuOptions?: CriuOptions;
  }): Promise<void>;
}

/** Asks the CRIU at `criu`. */
export function queries(criu: string): CriuQueries {
  type Answer = Response & { readonly stderr: string };
  const ask = async (type: number, opts?: object, args: readonly string[] = []): Promise<Answer> => {
    const request = { type, ...(opts ? { opts: { imagesDirFd: -1, ...opts } } : {}) };
    await using swrk = await Swrk.start(criu, request, { args });
    const response = await swrk.response();
    return { ...response, stderr: swrk.stderr };
  };
  const need = <T>(value: T | undefined, { stderr }: { readonly stderr: string }): T => {
    if (value === undefined)
      throw new CriuError("start", "CRIU did not answer the question.", { log: printedLines(stderr) });
    return value;
  };
  return {
    async version() {
      const response = await ask(requestTypes.version);
      const {
        majorNumber: major,
        minorNumber: minor,
        sublevel = 0,
        gitid: gitId = "",
      } = need(response.version, response);
      return { major, minor, sublevel, gitId };
    },
    async features() {
      const features = { memTrack: true, lazyPages: true, pidfdStore: true };
      await using swrk = await Swrk.start(criu, { type: requestTypes.featureCheck, features });
      const response = await swrk.response();
      const { memTrack = false, lazyPages = false, pidfdStore = false } = need(response.features, swrk);
      return { memTrack, lazyPages, pidfdStore };
    },
    check: async () => (await ask(requestTypes.check, { logToStderr: true })).success,
    async dumpCpuInfo(imagesDir) {
      await succeed(requestTypes.cpuinfoDump, imagesDir, {});
    },
    async checkCpuInfo(imagesDir) {
      using work = openWorkDir("dump");
      const opts = { imagesDir: resolve(imagesDir), logFile: LOG };
      return (await ask(requestTypes.cpuinfoCheck, opts, swrkArguments({}, work.path))).success;
    },
    async preDump(options) {
      checkOptions(options, { pid: "pid", imagesDir: "path", criuOptions: "other" });
      const { pid, imagesDir, criuOptions = {} } = options;
      const opts = { ...toRpc(criuOptions), pid, trackMem: true, notifyScripts: true };
      await succeed(requestTypes.preDump, imagesDir, opts, criuOptions);
    },
  };

  /** Writes into a directory that it makes, or leaves it as it was. */
  async function succeed(type: number, imagesDir: string, given: object, options: CriuOptions = {}): Promise<void> {
    using images = claimImagesDir(await openLibc(), imagesDir);
    using work = openWorkDir("dump");
    const opts = { ...given, imagesDir: images.path, logFile: LOG };
    const { success, crErrno = 0, stderr } = await ask(type, opts, swrkArguments(options, work.path));
    if (success) return moveIntoImages(work.path, images.path);
    images.discard();
    work.keep();
    throw runError("dump", join(work.path, LOG), { exitCode: 1, crErrno, stderr });
  }
}

const LOG = "criu.log";
