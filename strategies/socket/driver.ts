import { openBeneath } from "../../ffi/beneath.ts";
import { decoder, encoder } from "../../ffi/bytes.ts";
import { openLibc } from "../../ffi/libc.ts";
import { printable } from "../../ffi/printable.ts";
import { SystemCallError } from "../../ffi/system_call_error.ts";
import { connectUnix, type UnixClient } from "../../ffi/unix_client.ts";
import type { Notice, Reply } from "../../lifecycle/types.ts";
import type { DriverPage } from "../../page/driver_page.ts";
import { encodeRequest, MAX_LINE_BYTES, parseResponse, type Results } from "./protocol.ts";

/** How long an app may take to take back what it was asked by mistake, in milliseconds. */
const WITHDRAW_MS = 1000;
const NEWLINE = 10;
/** As long as an answer may come at once, it is waited for in the kernel. */
const QUICK_TURNS = 20;

/** Notifies by JSON-RPC: resolves with the reply, with undefined when there was none in time. */
export async function notifyBySocket(
  page: DriverPage,
  path: string,
  notice: Notice,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Reply | undefined> {
  using place = openBeneath(page.libc, page.pid, path);
  return await call(place.path, "checkpoint", notice, timeoutMs, { signal, peer: page.pid });
}

/** Tells whoever answered there that the checkpoint will not be. */
export async function withdrawBySocket(page: DriverPage, path: string, id: string): Promise<void> {
  using place = openBeneath(page.libc, page.pid, path);
  await call(place.path, "outcome", { id, word: "aborted" }, WITHDRAW_MS, { peer: page.pid });
}

/** What a call may be given beside its time. */
export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  /** The process that must listen there: nothing is sent to any other. */
  readonly peer?: number;
}

/**
 * Calls one method of an app that listens at `path`. Resolves with undefined when no answer came within `timeoutMs`, or before
 * `signal` aborted.
 * Rejects when the app answers with an error, or with what is no answer, when it cannot be reached, and when another process than
 * `peer` listens.
 */
export async function call<M extends keyof Results>(
  path: string,
  method: M,
  params: unknown,
  timeoutMs: number,
  { signal, peer }: CallOptions = {},
): Promise<Results[M] | undefined> {
  const libc = await openLibc();
  const end = performance.now() + timeoutMs;
  const isOver = (): boolean => performance.now() >= end || signal?.aborted === true;
  try {
    let connection: UnixClient | undefined;
    while (!connection && !isOver()) connection = connectUnix(libc, path) ?? (await later(5));
    using client = connection;
    if (!client) return undefined;
    if (peer !== undefined && client.peer !== peer) throw new Error(strangerAt(client.peer));
    client.send(encoder.encode(encodeRequest(method, params)));
    const answer = new Uint8Array(MAX_LINE_BYTES);
    let length = 0;
    for (let turn = 0; !isOver(); turn++) {
      const bytes = client.receive();
      if (bytes?.length === 0) throw new Error("it hung up without an answer");
      if (bytes) {
        if (length + bytes.length > answer.length) throw new Error("its answer is too long");
        answer.set(bytes, length);
        length += bytes.length;
        const lineEnd = answer.subarray(0, length).indexOf(NEWLINE);
        if (lineEnd >= 0) return parseResponse(method, decoder.decode(answer.subarray(0, lineEnd)));
      } else if (turn < QUICK_TURNS) {
        client.wait(1);
        await new Promise((resolve) => setImmediate(resolve));
      } else await later(5);
    }
    return undefined;
  } catch (error) {
    const why = error instanceof SystemCallError ? error.code : (error as Error).message;
    throw new Error(`Cannot call ${method} on the app's socket: ${printable(why)}`, { cause: error });
  }
}

function later(ms: number): Promise<undefined> {
  return new Promise((resolve) => setTimeout(resolve, ms, undefined));
}

function strangerAt(pid: number | undefined): string {
  return `${pid === undefined ? "a process that has ended, or cannot be seen from here," : `process ${pid}`} listens there. Give each app a path of its own`;
}
