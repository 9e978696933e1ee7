import type { Libc } from "../../ffi/libc.ts";
import { type Found, findSockets } from "./find.ts";

const LOOK_MS = 5;
/** After an answer was owed: so often nothing must be owed in a row. */
const QUIET_LOOKS = 4;

/**
 * Waits until no answer is owed, at most `drainMs`: to whoever has sent data last on a TCP connection. Of a connection to one of this
 * process's own servers that is the client, of any other this process.
 */
export async function drain(libc: Libc, drainMs: number, isMeant: (socket: Found) => boolean): Promise<void> {
  let looks = 0;
  for (const end = performance.now() + drainMs; performance.now() < end; looks--) {
    // The kernel has an answer before the app has read it.
    if (isAnyOwed(findSockets(libc), isMeant)) looks = QUIET_LOOKS;
    if (looks <= 0) return;
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

/** Whether an answer is owed on one of these sockets. */
export function isAnyOwed(sockets: readonly Found[], isMeant: (socket: Found) => boolean): boolean {
  const served = new Set(sockets.filter(({ type }) => type === "listener").map(({ local }) => local.port));
  return sockets.some((socket) => {
    const { type, tcp, local } = socket;
    if (type === "listener" || tcp?.state !== "connected" || !isMeant(socket)) return false;
    return served.has(local.port) ? tcp.receivedMs < tcp.sentMs : tcp.sentMs < tcp.receivedMs;
  });
}
