import { type CriuOptions, toArguments } from "../options.ts";
import type { RpcOptions } from "./messages.ts";

// Values of CRIU's enumerations, by the words of its command line (images/rpc.proto, criu/include/cr_options.h).
const cgroupModes = { ignore: 0, none: 1, props: 2, soft: 3, full: 4, strict: 5 } as const;
const lockMethods = { iptables: 1, nftables: 2, skip: 3 } as const;
const preDumpModes = { splice: 1, read: 2 } as const;
const cpuCapabilities = { none: 0, fpu: 1, cpu: 2, ins: 4, all: 7 } as const;
/** CLONE_NEWNET of clone(2). */
const namespaces = { net: 0x40000000 } as const;

/** The options in the form of CRIU's RPC. */
export function toRpc(options: CriuOptions): Partial<RpcOptions> {
  const {
    manageCgroups,
    networkLock,
    preDumpMode,
    cpuCap,
    emptyNs,
    inheritFd,
    joinNs,
    cgroupRoot,
    restoreSibling,
    irmapScanPath,
    prevImagesDir,
    config,
    pageServer,
    address,
    port,
    verbosity,
    fileValidation: _,
    libdir: __,
    // The same names in both.
    ...same
  } = options;
  const given: Record<string, unknown> = {
    ...same,
    manageCgroupsMode: manageCgroups && cgroupModes[manageCgroups],
    networkLock: networkLock && lockMethods[networkLock],
    preDumpMode: preDumpMode && preDumpModes[preDumpMode],
    cpuCap: cpuCap && cpuCapabilities[cpuCap],
    emptyNs: emptyNs && namespaces[emptyNs],
    inheritFd: inheritFd?.map(inheritOf),
    rstSibling: restoreSibling,
    joinNs: joinNs?.map(joinOf),
    cgRoot: cgroupRoot?.map(rootOf),
    irmapScanPaths: irmapScanPath,
    parentImg: prevImagesDir,
    configFile: config,
    logLevel: verbosity,
    ps: pageServer || lazyServer(options) ? { address, port } : undefined,
  };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/**
 * What CRIU's RPC has no field for: arguments of `criu` before its command `swrk`. (It has one for the directory in which CRIU works,
 * but as a descriptor of the process that asks.)
 */
export function swrkArguments({ fileValidation, libdir }: CriuOptions, workDir?: string): string[] {
  const given = { fileValidation, libdir };
  const options = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return [...(workDir === undefined ? [] : [`--work-dir=${workDir}`]), ...toArguments(options)];
}

/** What every dump and restore names: the directory, the name of the log, and CRIU's own options. */
export function runOptions(imagesDir: string, logFile: string, options: CriuOptions): RpcOptions {
  return { ...toRpc(options), imagesDirFd: -1, imagesDir, logFile };
}

/** `criu dump --lazy-pages` serves its pages itself. */
function lazyServer({ lazyPages, address, port }: CriuOptions): boolean {
  return lazyPages === true && (address !== undefined || port !== undefined);
}

/** `fd[N]:RESOURCE` */
function inheritOf(text: string): { fd: number; key: string } {
  const [, fd, key = ""] = /^fd\[(\d+)\]:(.*)$/s.exec(text) ?? [];
  return { fd: Number(fd), key };
}

/** `NS:FILE[,OPTIONS]` */
function joinOf(text: string): { ns: string; nsFile: string; extraOpt?: string } {
  const [ns = "", place = ""] = text.split(/:(.*)/s);
  const [nsFile = "", extraOpt] = place.split(/,(.*)/s);
  return { ns, nsFile, ...(extraOpt ? { extraOpt } : {}) };
}

/** `[CONTROLLER:]PATH` */
function rootOf(text: string): { ctrl?: string; path: string } {
  const [, ctrl, path = ""] = /^(?:([^/:]*):)?(.*)$/s.exec(text) ?? [];
  return { path, ...(ctrl ? { ctrl } : {}) };
}
