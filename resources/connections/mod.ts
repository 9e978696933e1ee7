/**
 * A resource that lets connections and servers go for a checkpoint: those of libraries too, which an app cannot close itself.
 *
 * In Deno it needs `--allow-ffi`.
 *
 * @module
 */
import { epollOfThisThread, readWatches } from "../../ffi/epoll.ts";
import { type Libc, openLibc } from "../../ffi/libc.ts";
import type { HoldContext, Resource } from "../../lifecycle/types.ts";
import { awaitClosed, type Cut, createCut, settleClosed } from "./cut.ts";
import { drain } from "./drain.ts";
import { OpenConnectionsError } from "./errors.ts";
import { type Found, findSockets } from "./find.ts";
import { createListeners, isWatchedBy, type ListenAt, type Listeners } from "./listeners.ts";
import { type Action, actionFor, checkRules, type Rule } from "./rules.ts";
import type { Connection } from "./socket.ts";
import { collectStacks } from "./stacks.ts";

export type { Family, SocketAddress } from "../../ffi/socket_address.ts";
export { ListenAgainError, OpenConnectionsError } from "./errors.ts";
export type { ListenAddress, ListenAt } from "./listeners.ts";
export type { Action, Rule } from "./rules.ts";
export type { Connection } from "./socket.ts";

/** Options of {@linkcode connections}. */
export interface ConnectionsOptions {
  /** Names the resource in refusals and in `status`. @default "connections" */
  readonly name?: string;
  /** What happens to which sockets: the first rule that names one decides. @default all are `shutdown` */
  readonly rules?: readonly Rule[];
  /**
   * How long to wait for answers that are owed, in milliseconds: of servers to this app, and of this app to its clients. What is then
   * still in flight is cut off. Without it a POST that is in flight may be done twice: Deno's fetch sends it again. @default 0
   */
  readonly drainMs?: number;
  /**
   * What happens to servers. `keep`: nobody can connect while the app is held, and the address stays theirs. `rebind`: they give it up, and
   * listen afterwards where `listenAt` says: for a copy beside the original, and where the port may be taken by then. @default "keep"
   */
  readonly listen?: "keep" | "rebind";
  /** With `listen: "rebind"`: where a server listens after a checkpoint. @default where it did before */
  readonly listenAt?: ListenAt;
  /** Say in refusals, and in `list()`, who has opened a connection. For development: it costs time at every call. @default false */
  readonly collectStacks?: boolean;
  /** The time for each hook in milliseconds. @default `drainMs` and 10 s */
  readonly timeoutMs?: number;
}

/** A resource that can also be asked what it would do. */
export interface ConnectionsResource extends Resource {
  /**
   * The sockets that it knows of now, and what happens to them in a checkpoint: a server of another thread, or at a unix socket, is
   * ignored unless a rule refuses it. Throws SystemCallError.
   */
  list(): Promise<readonly (Connection & { readonly action: Action })[]>;
}

/** Where TCP connections stay open, and CRIU takes care of them: options of criu(8). */
const tcpOptions = ["tcpClose", "tcpEstablished"] as const;
const known: Readonly<Record<keyof ConnectionsOptions, true>> = {
  name: true,
  rules: true,
  drainMs: true,
  listen: true,
  listenAt: true,
  collectStacks: true,
  timeoutMs: true,
};

/**
 * Takes connections away in the last moment before the hold, and shuts servers for as long as it lasts. Clients and pools find the end
 * of their connections afterwards and connect again by themselves: fetch, pg's Pool, postgres.js, Bun.sql, ioredis, redis, gRPC. Where the
 * driver gives CRIU `tcpClose` or `tcpEstablished`, as it does by itself when the app goes on, TCP is left to CRIU.
 *
 * What does not connect again by itself (pg's `Client`, NATS) needs a few lines: docs/resources/connections.md.
 *
 * @throws {TypeError} for a rule that names nothing, or an option that is none.
 * @throws {RangeError} for a time that is negative or none.
 * @example
 * ```ts
 * import { attach } from "criu-aware";
 * import { connections } from "criu-aware/resources/connections";
 * import { signal } from "criu-aware/strategies/signal";
 *
 * const agent = await attach({ strategies: [signal()] });
 * agent.register(connections({ drainMs: 1000, rules: [{ remotePort: 514, action: "ignore" }] }));
 * ```
 */
export function connections(options: ConnectionsOptions = {}): ConnectionsResource {
  checkOptions(options);
  const { name = "connections", rules = [], drainMs = 0, listen = "keep", listenAt } = options;
  const { timeoutMs = drainMs > 0 ? drainMs + 10_000 : undefined } = options;
  const stacks = options.collectStacks ? collectStacks() : undefined;
  const isShutDown = (socket: Found): boolean => actionFor(rules, socket) === "shutdown";
  const withStack = <T extends Found>(socket: T): T => ({ ...socket, openedAt: stacks?.openedAt(socket) });
  const refuse = (libc: Libc): void => {
    const refused = findSockets(libc).filter((socket) => actionFor(rules, socket) === "refuse");
    if (refused.length === 0) return;
    const cure = "close it before the checkpoint, or change the rule";
    throw new OpenConnectionsError("a rule refuses", refused.map(withStack), cure);
  };

  let opened: { libc: Libc; epoll: number | undefined } | undefined;
  let cut: Cut | undefined;
  let listeners: Listeners | undefined;
  /** TCP connections that CRIU takes care of. */
  let left: readonly number[] = [];

  return {
    name,
    tier: "connection",
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    async beforeCheckpoint({ criuOptions, timeoutMs }) {
      const libc = await openLibc();
      opened ??= { libc, epoll: await epollOfThisThread(libc) };
      refuse(libc);
      const begun = performance.now();
      await drain(libc, drainMs, isShutDown);
      if (!leavesTcp(criuOptions)) await awaitClosed(libc, mostOf(timeoutMs) - (performance.now() - begun));
    },
    beforeHold({ criuOptions }) {
      if (!opened) return;
      const { libc, epoll } = opened;
      // What was opened meanwhile.
      refuse(libc);
      const isLeft = ({ family }: Found): boolean => family !== "unix" && leavesTcp(criuOptions);
      const sockets = findSockets(libc).filter(isShutDown);
      left = sockets.filter((socket) => socket.type === "connection" && isLeft(socket)).map(({ fd }) => fd);
      // Before the connections: when these refuse, nothing of this thread has changed.
      const isMeant = (socket: Found): boolean => socket.type === "connection" && isShutDown(socket) && !isLeft(socket);
      cut = createCut({ libc, epoll, isMeant });
      try {
        cut.cut();
      } catch (error) {
        if (!(error instanceof OpenConnectionsError) || !stacks) throw error;
        throw error.withStacks(stacks.openedAt);
      }
      listeners = createListeners({ libc, epoll, rebind: listen === "rebind", listenAt });
      // A unix socket that does not listen any more never will again.
      listeners.close(sockets.filter(({ type, family }) => type === "listener" && family !== "unix"));
    },
    async afterRestore(context) {
      const limitMs = mostOf(context.timeoutMs);
      const opening = listeners?.open(context, limitMs);
      const settling = cut?.settle(limitMs);
      listeners = undefined;
      cut = undefined;
      await settling;
      if (opened) await settleClosed(opened.libc, left, limitMs);
      left = [];
      const errors = (await opening) ?? [];
      if (errors.length > 1) throw new AggregateError(errors, errors.map(({ message }) => message).join("; "));
      if (errors[0]) throw errors[0];
    },
    async list() {
      const libc = await openLibc();
      const epoll = await epollOfThisThread(libc);
      const watches = readWatches();
      return findSockets(libc).map((socket) => {
        const { fd, type, family, local, remote, openedAt } = withStack(socket);
        const staysOpen = type === "listener" && (family === "unix" || !isWatchedBy(epoll, watches.get(fd)));
        const action = actionFor(rules, socket);
        return {
          ...{ fd, type, family, local, remote, openedAt },
          action: action === "shutdown" && staysOpen ? "ignore" : action,
        };
      });
    },
  };
}

/** What a hook may use of its time: less than all, so that what went wrong is told and not only that it took too long. */
function mostOf(timeoutMs: number): number {
  return timeoutMs * 0.9;
}

function leavesTcp(criuOptions: HoldContext["criuOptions"]): boolean {
  return tcpOptions.some((name) => criuOptions.includes(name));
}

function checkOptions(options: ConnectionsOptions): void {
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(known, name));
  if (unknown)
    throw new TypeError(`connections() has no option ${unknown}; known are ${Object.keys(known).join(", ")}.`);
  const { rules = [], drainMs = 0, listen = "keep", listenAt } = options;
  if (!Array.isArray(rules))
    throw new TypeError("Cannot use rules that are no list: give [{ remotePort: 514, action: 'ignore' }].");
  checkRules(rules);
  if (!(drainMs >= 0) || !Number.isFinite(drainMs))
    throw new RangeError(`drainMs is ${drainMs}: give milliseconds, 0 or more.`);
  if (listen !== "keep" && listen !== "rebind")
    throw new TypeError(`listen is ${JSON.stringify(listen)}: give "keep" or "rebind".`);
  if (listenAt === undefined) return;
  if (typeof listenAt !== "function")
    throw new TypeError("listenAt is no function: give (listener, context) => address.");
  if (listen !== "rebind") throw new TypeError('listenAt needs listen: "rebind": without, a server keeps its address.');
}
