import { isIP } from "node:net";
import { printable } from "../../ffi/printable.ts";
import type { SocketAddress } from "../../ffi/socket_address.ts";
import type { Connection } from "./socket.ts";

/** What happens to a socket. */
export type Action = "shutdown" | "ignore" | "refuse";

/** Which sockets are meant, in the words of CRaC's policies, and what happens to them. All that is named must be so, and something must be. */
export interface Rule {
  /**
   * `shutdown`: a connection is ended, so that its client opens a new one afterwards; a listener does not listen while the app is held.
   * `ignore`: it stays as it is, for a driver that gives CRIU an option for it. `refuse`: it refuses the checkpoint.
   */
  readonly action: Action;
  /** A connection, or a socket that listens. */
  readonly type?: "connection" | "listener";
  /** `ip` is both families of the Internet. */
  readonly family?: "inet4" | "inet6" | "ip" | "unix";
  /** An IP address. */
  readonly localAddress?: string;
  /** The port of this end. */
  readonly localPort?: number;
  /** The IP address of the other end. */
  readonly remoteAddress?: string;
  /** The port of the other end. */
  readonly remotePort?: number;
  /** The path of a unix socket: of a listener, and of what it has accepted. An abstract name begins with `@`. */
  readonly localPath?: string;
  /** The path that a unix socket is connected to. */
  readonly remotePath?: string;
}

type Criterion = Exclude<keyof Rule, "action">;

const oneOf =
  (...words: readonly string[]) =>
  (value: unknown): string | undefined =>
    words.includes(value as string) ? undefined : `must be ${words.map((word) => `"${word}"`).join(", ")}`;
/** One with a zone (fe80::1%eth0) would never be found: the kernel says none. */
const address = (value: unknown): string | undefined =>
  typeof value === "string" && (isIP(value) === 4 || URL.canParse(urlOf(value))) ? undefined : "must be an IP address";
const port = (value: unknown): string | undefined =>
  Number.isInteger(value) && (value as number) > 0 && (value as number) < 65_536
    ? undefined
    : "must be a port from 1 to 65535";
const path = (value: unknown): string | undefined =>
  typeof value === "string" && value !== "" ? undefined : "must be a path";

/** What each part of a rule may be. */
const parts: Readonly<Record<keyof Rule, (value: unknown) => string | undefined>> = {
  action: oneOf("shutdown", "ignore", "refuse"),
  type: oneOf("connection", "listener"),
  family: oneOf("inet4", "inet6", "ip", "unix"),
  localAddress: address,
  localPort: port,
  remoteAddress: address,
  remotePort: port,
  localPath: path,
  remotePath: path,
};

/** @throws {TypeError} for a rule that names no socket, has an unknown part, or a value that its part cannot have. */
export function checkRules(rules: readonly Rule[]): void {
  for (const [index, rule] of rules.entries()) {
    const wrong = problemOf(rule);
    if (wrong) throw new TypeError(`Cannot use rule ${index + 1} of connections(): ${wrong}.`);
  }
}

function problemOf(rule: Rule): string | undefined {
  const given = Object.entries(Object(rule)).filter(([, value]) => value !== undefined);
  for (const [name, value] of given) {
    const check = Object.hasOwn(parts, name) ? parts[name as keyof Rule] : undefined;
    if (!check) return `it has no part ${printable(JSON.stringify(name))}; known are ${Object.keys(parts).join(", ")}`;
    const wrong = check(value);
    if (wrong) return `its ${name} ${wrong}, not ${shown(value)}`;
  }
  if (!given.some(([name]) => name === "action")) return `its action ${parts.action(undefined)}`;
  if (given.length < 2) {
    const names = Object.keys(parts).filter((name) => name !== "action");
    return `it names nothing. Give at least one of ${names.join(", ")}`;
  }
  return undefined;
}

/** JSON has not everything: 80n, what leads to itself. */
function shown(value: unknown): string {
  try {
    return printable(JSON.stringify(value) ?? String(value));
  } catch {
    return typeof value === "bigint" ? `${value}n` : "what was given";
  }
}

/** What happens to a socket: the first rule that names it says so. */
export function actionFor(rules: readonly Rule[], connection: Connection): Action {
  return rules.find((rule) => names(rule, connection))?.action ?? "shutdown";
}

function names(rule: Rule, connection: Connection): boolean {
  const { type, family, local, remote } = connection;
  const matches: Readonly<Record<Criterion, (wanted: never) => boolean>> = {
    type: (wanted) => wanted === type,
    family: (wanted: Rule["family"]) => (wanted === "ip" ? family !== "unix" : wanted === family),
    localAddress: (wanted) => isSameAddress(local, wanted),
    localPort: (wanted) => local.port === wanted,
    remoteAddress: (wanted) => isSameAddress(remote, wanted),
    remotePort: (wanted) => remote?.port === wanted,
    localPath: (wanted) => local.path === wanted,
    remotePath: (wanted) => remote?.path === wanted,
  };
  return (Object.keys(matches) as Criterion[]).every(
    (name) => rule[name] === undefined || matches[name](rule[name] as never),
  );
}

function isSameAddress(found: SocketAddress | undefined, wanted: string): boolean {
  return found?.address !== undefined && normal(found.address) === normal(wanted);
}

/** As the kernel writes it: `0:0:0:0:0:0:0:1` is `::1`. A socket for both families shows `::ffff:127.0.0.1`. */
function normal(address: string): string {
  const plain = address.toLowerCase().replace(/^::ffff:(?=[\d.]+$)/, "");
  return isIP(plain) === 6 ? new URL(urlOf(plain)).hostname.slice(1, -1) : plain;
}

function urlOf(address: string): string {
  return `http://[${address}]`;
}
