import { parseArgs } from "node:util";
import { UsageError } from "./usage_error.ts";

/** How a value is written: `flag` alone, a number, a size, a text, a list of texts (the flag repeated), or one of some words. */
type Kind = "boolean" | "number" | "size" | "text" | "list" | readonly string[];

/**
 * CRIU's options, by name: the flag of its command line, and the kind of value. Those that a driver decides itself (the tree,
 * directories, logs, hooks, --leave-running) are not among them. From criu(8) and `criu --help` of CRIU 4.2.
 */
const options = {
  /** Dumps established TCP connections, and restores them. */
  tcpEstablished: ["--tcp-established", "boolean"],
  /** Restores established TCP connections closed. */
  tcpClose: ["--tcp-close", "boolean"],
  /** Leaves out TCP connections that are being made. */
  tcpSkipInFlight: ["--skip-in-flight", "boolean"],
  /** Lets unix sockets be connected to processes outside of the tree. */
  extUnixSk: ["--ext-unix-sk", "boolean"],
  /** Dumps file locks, and restores them. */
  fileLocks: ["--file-locks", "boolean"],
  /** Dumps a process that shares the session or the terminal of its shell. */
  shellJob: ["--shell-job", "boolean"],
  /** How large a deleted file that is still open may be, in bytes. CRIU's own default is 1 MiB. */
  ghostLimit: ["--ghost-limit", "size"],
  /** Links deleted files back to a name while they are dumped. */
  linkRemap: ["--link-remap", "boolean"],
  /** Leaves the tree stopped after the dump. */
  leaveStopped: ["--leave-stopped", "boolean"],
  /** Makes the root of the restored tree a child of this process, which has to reap it. */
  restoreSibling: ["--restore-sibling", "boolean"],
  /** Uses any path to a device file whose own one cannot be reached. */
  evasiveDevices: ["--evasive-devices", "boolean"],
  /** Resources that are not dumped but found again: `tty[…]`, `file[…]`, `unix[…]`, `mnt[…]:…`, `net[…]:…`. */
  external: ["--external", "list"],
  /** Open descriptors of this process that take the place of resources of the tree at a restore: `fd[N]:RESOURCE`. */
  inheritFd: ["--inherit-fd", "list"],
  /** Namespaces to join at a restore: `NS:FILE` or `NS:PID`. */
  joinNs: ["--join-ns", "list"],
  /** Runs with what a user without root may do. */
  unprivileged: ["--unprivileged", "boolean"],
  /** What of the cgroups is dumped and restored. Unless an option on cgroups is given, we give `ignore`; CRIU's own default is `soft`. */
  manageCgroups: ["--manage-cgroups", ["ignore", "none", "props", "soft", "full", "strict"]],
  /** `[CONTROLLER:]PATH`. */
  cgroupRoot: ["--cgroup-root", "list"],
  cgroupProps: ["--cgroup-props", "text"],
  cgroupPropsFile: ["--cgroup-props-file", "text"],
  cgroupDumpController: ["--cgroup-dump-controller", "list"],
  cgroupYard: ["--cgroup-yard", "text"],
  /** The cgroup whose freezer stops the tree. */
  freezeCgroup: ["--freeze-cgroup", "text"],
  /** How long CRIU may take to stop the tree, in seconds. CRIU's own default is 10. */
  timeout: ["--timeout", "number"],
  /** `TYPE:NAME` of an LSM profile for the restored tree. */
  lsmProfile: ["--lsm-profile", "text"],
  lsmMountContext: ["--lsm-mount-context", "text"],
  /** How TCP connections are kept still during a dump. */
  networkLock: ["--network-lock", ["iptables", "nftables", "skip"]],
  /** Do not restore the network namespace's content. Only `net` is known. */
  emptyNs: ["--empty-ns", ["net"]],
  root: ["--root", "text"],
  skipMnt: ["--skip-mnt", "list"],
  enableFs: ["--enable-fs", "list"],
  extSharing: ["--enable-external-sharing", "boolean"],
  extMasters: ["--enable-external-masters", "boolean"],
  mntnsCompatMode: ["--mntns-compat-mode", "boolean"],
  weakSysctls: ["--weak-sysctls", "boolean"],
  /** How CRIU knows at a restore that a file is the one of the dump. CRIU's own default is `buildid`. */
  fileValidation: ["--file-validation", ["filesize", "buildid"]],
  skipFileRwxCheck: ["--skip-file-rwx-check", "boolean"],
  forceIrmap: ["--force-irmap", "boolean"],
  irmapScanPath: ["--irmap-scan-path", "list"],
  /** What of the CPU must be the same at the restore; the image says what there was. */
  cpuCap: ["--cpu-cap", ["none", "fpu", "cpu", "ins", "all"]],
  /** Images of an earlier dump of the same tree, relative to the images directory: only what changed since is written. */
  prevImagesDir: ["--prev-images-dir", "text"],
  trackMem: ["--track-mem", "boolean"],
  autoDedup: ["--auto-dedup", "boolean"],
  preDumpMode: ["--pre-dump-mode", ["splice", "read"]],
  /** Restores pages when they are first used: needs `criu lazy-pages` beside. */
  lazyPages: ["--lazy-pages", "boolean"],
  /** Sends the pages to a page server. */
  pageServer: ["--page-server", "boolean"],
  address: ["--address", "text"],
  port: ["--port", "number"],
  tls: ["--tls", "boolean"],
  tlsCacert: ["--tls-cacert", "text"],
  tlsCacrl: ["--tls-cacrl", "text"],
  tlsCert: ["--tls-cert", "text"],
  tlsKey: ["--tls-key", "text"],
  tlsNoCnVerify: ["--tls-no-cn-verify", "boolean"],
  /** Where CRIU's plugins are. */
  libdir: ["--libdir", "text"],
  /** How much CRIU writes into its log: 1 errors, 2 warnings, 3 information, 4 everything. CRIU's own default is 2. */
  verbosity: ["--verbosity", "number"],
  /** A configuration file of CRIU whose settings win over these. */
  config: ["--config", "text"],
} as const;

/**
 * The same as a type.
 * @internal
 */
export type OptionTable = typeof options;

/**
 * The type of a value that is written as `K`.
 * @internal
 */
export type Value<K> = K extends "boolean"
  ? boolean
  : K extends "number" | "size"
    ? number
    : K extends "text"
      ? string
      : K extends "list"
        ? readonly string[]
        : K extends readonly (infer Word)[]
          ? Word
          : never;

/** The name of an option of CRIU. */
export type CriuOption = keyof OptionTable;

/** Options of CRIU itself, typed, by the names that both engines know. */
export type CriuOptions = { readonly [K in CriuOption]?: Value<OptionTable[K][1]> };

const rows = Object.entries(options) as [CriuOption, readonly [flag: string, kind: Kind]][];

/** The flag of CRIU's command line, with its dashes. */
export function flagOf(name: CriuOption): string {
  return options[name][0];
}

/** The options as arguments of CRIU's command line. */
export function toArguments(given: CriuOptions): string[] {
  return rows.flatMap(([name, [flag]]) => {
    const value: unknown = given[name];
    if (value === undefined || value === false) return [];
    if (value === true) return [flag];
    // With `=`: some of CRIU's values are optional, and then not taken from the next argument.
    return (Array.isArray(value) ? value : [value]).map((one) => `${flag}=${one}`);
  });
}

/**
 * The options that leave cgroups alone, unless these say something of them. A restored tree then stays in the cgroups of who restores it,
 * with their limits; CRIU's own default takes it into those of the dump, and makes them anew.
 */
export function leaveCgroups(given: CriuOptions): CriuOptions {
  const says = Object.keys(given).some((name) => name === "manageCgroups" || name.startsWith("cgroup"));
  return says ? given : { ...given, manageCgroups: "ignore" };
}

/**
 * The descriptors that `inheritFd` names, and the options with the numbers that they have in CRIU's process, where they follow
 * each other from `first` on.
 */
export function passDescriptors(given: CriuOptions, first: number): { fds: number[]; criuOptions: CriuOptions } {
  const fds: number[] = [];
  const inheritFd = given.inheritFd?.map((text) => {
    const [, fd, resource] = /^fd\[(\d+)\]:(.+)$/.exec(text) ?? [];
    if (fd === undefined) throw new UsageError(`--inherit-fd must be fd[NUMBER]:RESOURCE, not ${text}.`);
    return `fd[${first + fds.push(Number(fd)) - 1}]:${resource}`;
  });
  return { fds, criuOptions: inheritFd ? { ...given, inheritFd } : given };
}

/**
 * Reads arguments in the form of CRIU's command line, such as `--tcp-close --ghost-limit 4096`.
 * @throws {UsageError} for an option that CRIU does not have, or that a driver decides itself, and for a wrong value.
 */
export function parseArguments(args: readonly string[]): CriuOptions {
  // As mostly: what reads them takes its time to load.
  if (args.length === 0) return {};
  const { level, others } = takeVerbosity(args);
  const config: Record<string, { type: "boolean" | "string"; multiple?: boolean; short?: string }> = {};
  for (const [name, [flag, kind]] of rows) {
    config[flag.slice(2)] = {
      type: kind === "boolean" ? "boolean" : "string",
      ...(kind === "list" ? { multiple: true } : {}),
      ...(shorts[name] ? { short: shorts[name] } : {}),
    };
  }
  let values: Record<string, unknown>;
  try {
    ({ values } = parseArgs({ args: others, options: config }));
  } catch (error) {
    throw new UsageError(`Cannot use these options of CRIU: ${(error as Error).message.split("\n")[0]}`);
  }
  const found: Record<string, unknown> = level === undefined ? {} : { verbosity: level };
  for (const [name, [flag, kind]] of rows) {
    const value = values[flag.slice(2)];
    if (value === undefined) continue;
    found[name] = kind === "number" ? number(value as string) : kind === "size" ? size(value as string) : value;
    requireKind(flag, kind, found[name], value);
  }
  return found as CriuOptions;
}

/**
 * Checks options that a program gives, for a typo would be ignored silently.
 * @throws {UsageError} for a name that is no option, and for a value of another kind.
 */
export function checkCriuOptions(given: CriuOptions): void {
  for (const [name, value] of Object.entries(given)) {
    if (!Object.hasOwn(options, name)) {
      const similar = rows.filter(([other]) => other.toLowerCase().startsWith(name.slice(0, 4).toLowerCase()));
      const hint = similar.length > 0 ? ` Did you mean ${similar.map(([other]) => other).join(" or ")}?` : "";
      throw new UsageError(`Cannot give CRIU the option ${name}: there is none of this name in criuOptions.${hint}`);
    }
    if (value !== undefined) requireKind(name, options[name as CriuOption][1], value, value);
  }
}

const shorts: Partial<Record<CriuOption, string>> = {
  ...{ shellJob: "j", fileLocks: "l", root: "r", joinNs: "J", libdir: "L" },
};

/** CRIU keeps sizes in 32 bits, and takes what is left of a larger one. */
const LARGEST_SIZE = 2 ** 32 - 1;

/** Throws UsageError unless `value` is of this kind; `written` is how it was given. */
function requireKind(name: string, kind: Kind, value: unknown, written: unknown): void {
  const isText = (value: unknown): boolean => typeof value === "string" && !value.includes("\0");
  const isNumber = Number.isSafeInteger(value) && (value as number) >= 0;
  const [isRight, wanted] = {
    boolean: () => [typeof value === "boolean", "true or false"],
    number: () => [isNumber, "a whole number"],
    size: () => [
      isNumber && (value as number) <= LARGEST_SIZE,
      `a number of bytes up to ${LARGEST_SIZE}, on the command line also with K, M or G`,
    ],
    text: () => [isText(value), "a text"],
    list: () => [Array.isArray(value) && value.every(isText), "a list of texts"],
    word: () => [kind.includes(value as never), `one of ${[...kind].join(", ")}`],
  }[typeof kind === "string" ? kind : "word"]() as [boolean, string];
  if (!isRight) throw new UsageError(`${name} must be ${wanted}, not ${String(written)}.`);
}

function number(text: string): number {
  return /^\d+$/.test(text) ? Number(text) : Number.NaN;
}

/** `4096`, `10M`: parse_size() of CRIU's config.c, but for what it would silently take as 0. */
function size(text: string): number {
  const [, digits, unit = ""] = /^(\d+)([KMG]?)$/.exec(text) ?? [];
  return digits === undefined ? Number.NaN : Number(digits) * 1024 ** " KMG".indexOf(unit || " ");
}

/** CRIU's level without any option. */
const DEFAULT_VERBOSITY = 2;

/** Takes out `-v`, `-vv`, `-v4`, `--verbosity` and `--verbosity=4`: their value is optional, which parseArgs() does not know. */
function takeVerbosity(args: readonly string[]): { level: number | undefined; others: string[] } {
  let level: number | undefined;
  const others = args.filter((arg) => {
    const [, more, number] = /^(?:-(v+)|(?:-v|--verbosity=)(\d+)|--verbosity)$/.exec(arg) ?? [];
    if (number === undefined && more === undefined && arg !== "--verbosity") return true;
    level = number === undefined ? (level ?? DEFAULT_VERBOSITY) + (more?.length ?? 1) : Number(number);
    return false;
  });
  return { level, others };
}
