import type { Family, SocketAddress } from "../../ffi/socket_address.ts";

/** A stream socket of this process that leads out of it: TCP, or a unix socket that somebody else holds the other end of. */
export interface Connection {
  /** Its descriptor. */
  readonly fd: number;
  /** A connection, or a socket that listens. */
  readonly type: "connection" | "listener";
  /** The family of its addresses. */
  readonly family: Family;
  /** This end. */
  readonly local: SocketAddress;
  /** Undefined for a listener, and for a connection that is over. */
  readonly remote: SocketAddress | undefined;
  /** Where it was opened, a stack; only with `collectStacks`, and when that is known. */
  readonly openedAt?: string | undefined;
}
