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
 * Notes from now on who connects by node:net (which most drivers of databases use, and node:http2), fetch, WebSocket, Bun.connect or
 * Deno.connect; what a runtime does by itself, such as Bun.sql, is not seen. It costs time at every call: for development.
 */
export function collectStacks(): Stacks {
  if (!isCollecting) {
    isCollecting = true;
    wrap(Socket.prototype, "connect", noteSocket);
    wrap(globalThis, "fetch", noteUrl);
    wrap(globalThis, "WebSocket", noteUrl);
    const { Bun, Deno } = globalThis as { readonly Bun?: object; readonly Deno?: object };
    wrap(Bun, "connect", noteOptions);
    wrap(Deno, "connect", noteOptions);
    wrap(Deno, "connectTls", noteOptions);
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
  const lines = (new Error().stack ?? "").split("\n").slice(4, 12);
  if (calls.size >= KEPT_PORTS) calls.delete(calls.keys().next().value as number);
  calls.set(number, { host: String(host ?? ""), stack: lines.map((line) => line.trim()).join(" ← ") });
}

/** The arguments of net.connect() may come as one list: (options) or (port, host). */
function noteSocket(...args: readonly unknown[]): void {
  const [first, second] = (Array.isArray(args[0]) ? args[0] : args) as readonly unknown[];
  if (typeof first === "object" && first !== null) note((first as Partial<URL>).host, (first as Partial<URL>).port);
  else note(second, first);
}

function noteOptions(options: unknown): void {
  const { hostname, port } = Object(options) as Partial<URL>;
  note(hostname, port);
}

function noteUrl(target: unknown): void {
  try {
    const { hostname, port, protocol } = new URL(target instanceof Request ? target.url : String(target));
    note(hostname, port || (/^(https|wss):$/.test(protocol) ? 443 : 80));
  } catch {
    // It is no URL: the call itself says so.
  }
}

/** Puts a function in the place of one of the same name, which looks at its arguments first. */
function wrap(holder: object | undefined, name: string, look: (...args: readonly unknown[]) => void): void {
  const original: unknown = holder && Reflect.get(holder, name);
  if (!holder || typeof original !== "function") return;
  const wrapped = new Proxy(original, {
    apply(target, self, args) {
      look(...args);
      return Reflect.apply(target, self, args);
    },
    construct(target, args, made) {
      look(...args);
      return Reflect.construct(target, args, made);
    },
  });
  Reflect.set(holder, name, wrapped);
}
