import { spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import type { Libc } from "../../ffi/libc.ts";
import { openMessageSocket } from "../../ffi/message_socket.ts";
import { createPoll } from "../../ffi/poll.ts";
import { isAnotherLife, restoreSigns } from "../../ffi/restore_signs.ts";
import { blockSignalsExcept } from "../../ffi/signal.ts";
import { encode } from "../../protobuf/encode.ts";
import { type RpcOptions, requestFields, requestTypes } from "./messages.ts";
import { decodeResponse } from "./response.ts";

/** In which life its answer comes: in a copy, in the original, or that no image was made. */
export type Life = "restored" | "continued" | "aborted";

/** How CRIU is started for a self-dump. */
export interface SelfDump {
  readonly criu: string;
  /** Arguments before CRIU's command. */
  readonly args: readonly string[];
  readonly opts: RpcOptions;
  /** A file that takes what CRIU prints before it has a log. */
  readonly log: string;
  /** A command for the orphan to run when CRIU has succeeded. */
  readonly then: readonly string[];
}

/**
 * Has CRIU dump this process, and waits for its answer, which comes in both lives: `restored`, `continued`, or `aborted` when CRIU
 * failed. Blocks this thread: nothing else runs meanwhile. Never throws.
 */
export function dumpSelf(libc: Libc, dump: SelfDump): { outcome: Life; crErrno?: number } {
  const before = restoreSigns();
  const failed = { outcome: "aborted" } as const;
  try {
    using socket = openMessageSocket(libc);
    if (!startOrphan(dump, socket.theirs)) return failed;
    socket.closeTheirs();
    const poll = createPoll(libc, [socket.fd]);
    using _mask = blockSignalsExcept(libc, []);
    // Without a pid CRIU takes the process at the other end. Without hooks: a frozen process cannot answer them.
    socket.send(encode(requestFields, { type: requestTypes.dump, opts: dump.opts }));
    while (poll(60_000) !== "readable");
    const message = socket.receive();
    // CRIU has ended without an answer: it writes no more.
    const isCopy = isAnotherLife(before);
    if (!message) return isCopy ? { outcome: "restored" } : failed;
    return lifeIn(message, isCopy);
  } catch {
    return failed;
  }
}

/** In which life an answer comes. One that cannot be read says nothing: there may be an image. */
export function lifeIn(message: Uint8Array, isCopy: boolean): { outcome: Life; crErrno?: number } {
  try {
    const { success, dump, crErrno = 0 } = decodeResponse(message);
    if (!success) return { outcome: "aborted", crErrno };
    return { outcome: dump?.restored ? "restored" : "continued" };
  } catch {
    return { outcome: isCopy ? "restored" : "continued" };
  }
}

/**
 * Starts `criu swrk` outside of this process's tree: the shell and setsid(1) end at once, and whatever is above adopts it. No
 * pipe to it stays open, which CRIU could not dump.
 */
function startOrphan({ criu, args, log, then }: SelfDump, theirs: number): boolean {
  const swrk = [criu, ...args, "swrk", "3"].map(quoted).join(" ");
  // The socket comes as the standard output: spawnSync() of Deno 2.7 hands over no fourth descriptor, and of no Deno the first.
  const script = `exec 3>&1 >&2; exec setsid -f sh -c ${quoted(`${swrk} && exec 3>&- && exec "$@"`)} sh "$@"`;
  const command = then.length > 0 ? then : ["true"];
  const output = openSync(log, "ax", 0o600);
  try {
    const { status } = spawnSync("sh", ["-c", script, "sh", ...command], {
      stdio: ["ignore", theirs, output],
      env: { ...process.env, CRIU_AWARE_DRIVER: "rpc" },
    });
    return status === 0;
  } finally {
    closeSync(output);
  }
}

/** A word for a shell. */
function quoted(word: string): string {
  return `'${word.replaceAll("'", "'\\''")}'`;
}
