import { printable } from "../../ffi/printable.ts";
import { formatAddress } from "../../ffi/socket_address.ts";
import type { Connection } from "./socket.ts";

/** Sockets that are in the way of a checkpoint, and that `connections()` does not take away: it is refused. */
export class OpenConnectionsError extends Error {
  /** @ignore */
  override readonly name = "OpenConnectionsError";
  /** Each of them. */
  readonly connections: readonly Connection[];
  readonly #why: string;
  readonly #cure: string;

  /** @ignore */
  constructor(why: string, connections: readonly Connection[], cure: string) {
    super(`${why}: ${connections.map(describeConnection).join("; ")} → ${cure}`);
    this.#why = why;
    this.#cure = cure;
    this.connections = connections;
  }

  /** @ignore The same, with who has opened them. */
  withStacks(openedAt: (connection: Connection) => string | undefined): OpenConnectionsError {
    const known = this.connections.map((connection) => ({ ...connection, openedAt: openedAt(connection) }));
    return new OpenConnectionsError(this.#why, known, this.#cure);
  }
}

/** A server does not listen again after a checkpoint. */
export class ListenAgainError extends Error {
  /** @ignore */
  override readonly name = "ListenAgainError";

  /** @ignore */
  constructor(listener: Connection, cause: unknown, cure: string) {
    super(`the ${describeConnection(listener)} does not listen again: ${(cause as Error).message} → ${cure}`, {
      cause,
    });
  }
}

/** One socket in one line, safe to print. */
export function describeConnection({ fd, type, family, local, remote, openedAt }: Connection): string {
  const kind = family === "unix" ? "unix socket" : "TCP connection";
  const what =
    type === "listener"
      ? `server at ${formatAddress(local)}`
      : `${kind} ${formatAddress(local)} → ${remote ? formatAddress(remote) : "nobody any more"}`;
  return `${printable(what)} (descriptor ${fd})${openedAt ? `, opened ${printable(openedAt)}` : ""}`;
}
