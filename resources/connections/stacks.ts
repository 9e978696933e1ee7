import { Socket } from "node:net";
import type { Connection } from "./socket.ts";

/** Who has opened connections, as far as it can be known. */
export interface Stacks {
  /** The stack of the last call that has asked for a connection to the same port, and the same address where it was given as one. */
  openedAt(connection: Connection): string | undefined;
}

interface Call {
  readonly host: string;
  readonly stack: string;
}

const KEPT_PORTS = 1000;
const calls = new Map<number, Call>();
let isCollecting = false;

/**
 * Notes from now on who connects by node:net (which most drivers of databases use), fetch or WebSocket; what a runtime does by itself,
 * such as Bun.sql, is not seen. It costs time at every call: for development.
 */
export function collectStacks(): Stacks {
  if (!isCollecting) {
    isCollecting = true;
    wrapConnect();
    wrapUrl("fetch");
    wrapUrl("WebSocket");
  }
  return {
    openedAt({ local, remote }) {
      const wanted = remote ?? local;
      const call = calls.get(wanted.port ?? -1);
      return call && (!/^[\d.]+$/.test(call.host) || call.host === wanted.address) ? call.stack : undefined;
    },
  };
}

function note(host: unknown, port: unknown): void {
  const number = Number(port);
  if (!Number.isInteger(number)) return;
  // The first lines are this file's.
  const lines = (new Error().stack ?? "").split("\n").slice(3, 11);
  if (calls.size >= KEPT_PORTS) calls.delete(calls.keys().next().value as number);
  calls.set(number, { host: String(host ?? ""), stack: lines.map((line) => line.trim()).join(" ← ") });
}

function wrapConnect(): void {
  const { connect } = Socket.prototype;
  Socket.prototype.connect = function (this: Socket, ...args: unknown[]): Socket {
    // The arguments of net.connect() may come as one list: (options) or (port, host).
    const [first, second] = (Array.isArray(args[0]) ? args[0] : args) as [unknown, unknown];
    const { host, port } =
      typeof first === "object" && first !== null ? (first as Partial<URL>) : { host: second, port: first };
    note(host, port);
    return Reflect.apply(connect, this, args);
  } as typeof connect;
}

function wrapUrl(name: "fetch" | "WebSocket"): void {
  const original = globalThis[name] as unknown as (target: unknown) => unknown;
  const noteUrl = (target: unknown): void => {
    try {
      const { hostname, port, protocol } = new URL(target instanceof Request ? target.url : String(target));
      note(hostname, port || (/^(https|wss):$/.test(protocol) ? 443 : 80));
    } catch {
      // It is no URL: the call itself says so.
    }
  };
  const wrapped = new Proxy(original, {
    apply(target, self, args) {
      noteUrl(args[0]);
      return Reflect.apply(target, self, args);
    },
    construct(target, args, made) {
      noteUrl(args[0]);
      return Reflect.construct(target, args, made);
    },
  });
  Object.assign(globalThis, { [name]: wrapped });
}
