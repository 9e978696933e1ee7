/**
 * Notices by JSON-RPC on a unix socket.
 *
 * In Deno it needs `--allow-ffi --allow-read=DIR --allow-write=DIR`, where DIR is the directory of the socket; without `path` that is
 * the one for temporary files, and Deno wants `--allow-env=TMPDIR,TMP,TEMP` to say which.
 *
 * @module
 */
import { realpathSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { textOf } from "../../ffi/bytes.ts";
import { listenToOne } from "../../ffi/doorbell.ts";
import { newId } from "../../ffi/new_id.ts";
import { SIGIO } from "../../ffi/signal_numbers.ts";
import { listenUnix, type UnixConnection } from "../../ffi/unix_listener.ts";
import { checkNotice } from "../../lifecycle/notice.ts";
import type { Reply } from "../../lifecycle/types.ts";
import { type Word, words } from "../../page/layout.ts";
import { readStatus } from "../../page/status.ts";
import type { Strategy } from "../strategy.ts";
import { createTrust } from "../trust.ts";
import { codes, encodeError, encodeResult, MAX_LINE_BYTES, parseRequest, type Request } from "./protocol.ts";

/** Options of {@linkcode socket}. */
export interface SocketOptions {
  /**
   * Where to listen; the directory must exist. A socket that lies there and that nobody listens on any more, as after a crash, is
   * replaced. @default a new name in the directory for temporary files
   */
  readonly path?: string;
}

const NEWLINE = 10;
/** So many may be connected at a time; for one more, the one that has been silent longest is hung up on. */
const MAX_CLIENTS = 32;
/** While the app is held, whoever connects has so much time to say what it wants: its connection would make the dump fail. */
const SILENT_MS = 20;

/** A connection whose request is not answered yet. */
interface Client {
  readonly connection: UnixConnection;
  readonly since: number;
  received: Uint8Array;
  request?: Request;
  noticeId?: string;
  isTaken?: boolean;
  /** It waits until the app is at a point of its own. */
  isPatient?: boolean;
}

/**
 * Takes notices, and more, as JSON-RPC 2.0 on a unix socket that only root and the app's user can open: see protocol.ts for
 * the methods. The kernel announces connections by SIGIO, which rings the agent's doorbell; the descriptors are libc's, so
 * that every connection is certainly closed before the app says ready.
 *
 * @example
 * ```ts
 * import { attach } from "criu-aware";
 * import { socket } from "criu-aware/strategies/socket";
 * const agent = await attach({ strategies: [socket({ path: "/run/app/checkpoint.sock" })] });
 * ```
 */
export function socket(options: SocketOptions = {}): Strategy {
  return {
    kind: "socket",
    start({ libc, page, doorbell, deliver }) {
      const name = `criu-aware-${libc.getpid()}-${newId().slice(0, 8)}.sock`;
      const wanted = resolve(options.path ?? join(tmpdir(), name));
      const path = join(realpathSync(dirname(wanted)), basename(wanted));
      const isTrusted = createTrust(libc);
      const clients = new Set<Client>();
      const listener = listenUnix(libc, path, listenToOne(doorbell, SIGIO));

      /** Returns whether the client can have got it. */
      const answer = (client: Client, response: Uint8Array): boolean => {
        const isSent = client.connection.send(response);
        client.connection[Symbol.dispose]();
        clients.delete(client);
        return isSent;
      };
      const fail = (client: Client, code: number, message: string): void =>
        void answer(client, encodeError(client.request?.id ?? null, code, message));

      /** Takes new connections, and returns those whose request is complete and not answered yet. */
      const receive = (): Client[] => {
        for (let connection = listener.accept(); connection; connection = listener.accept()) {
          const client: Client = { connection, since: performance.now(), received: new Uint8Array() };
          clients.add(client);
          if (!isTrusted(connection.uid)) {
            page.countRejected();
            fail(client, codes.forbidden, "only root and the user of this process may notify it");
          }
          if (clients.size <= MAX_CLIENTS) continue;
          const silent = [...clients].find((other) => !readLine(other));
          fail(silent ?? client, codes.busy, "too many others are connected");
        }
        for (const client of clients) {
          if (client.isPatient && client.connection.receive(false)?.length === 0) answer(client, new Uint8Array());
        }
        const complete = [...clients].filter((client) => !client.isTaken && readLine(client));
        for (const client of complete) client.isTaken = true;
        return complete;
      };
      /** True once the request is there. */
      const readLine = (client: Client): boolean => {
        if (client.request) return true;
        const next = (): Uint8Array | undefined => client.connection.receive(clients.size === 1);
        for (let bytes = next(); bytes; bytes = next()) {
          client.received = Buffer.concat([client.received, bytes]);
          const { received } = client;
          const end = received.indexOf(NEWLINE);
          const ended = bytes.length === 0 || received.length > MAX_LINE_BYTES;
          if (end >= 0 || ended) {
            const request = parseRequest(textOf(received.subarray(0, end < 0 ? undefined : end)));
            if (request) client.request = request;
            else if (received.length === 0) answer(client, new Uint8Array());
            else fail(client, codes.request, "this is no JSON-RPC 2.0 request on one line");
            return request !== undefined;
          }
        }
        return false;
      };

      const greet = (client: Client, noticeId: string, reply: Reply): void =>
        void answer(client, encodeResult(client.request?.id ?? null, { ...reply, id: noticeId }));

      const take = (client: Client, { id, method, params }: Request): void => {
        if (method === "status") {
          const { state, generation, outcome = null } = readStatus(page.fields);
          return void answer(client, encodeResult(id, { state, generation, outcome }));
        }
        // Nobody is held: the word comes too late, or another way was faster.
        if (method === "outcome") return void answer(client, encodeResult(id, null));
        if (method === "point") {
          client.isPatient = true;
          return page.isWaiting ? greet(client, readStatus(page.fields).activeId, { reply: "ready" }) : undefined;
        }
        if (method !== "checkpoint") return fail(client, codes.method, `there is no method ${JSON.stringify(method)}`);
        try {
          const given = Object(params) as Record<string, unknown>;
          const notice = checkNotice("id" in given ? given : { ...given, id: newId() });
          client.noticeId = notice.id;
          deliver(notice, {
            reply(reply) {
              if (!answer(client, encodeResult(id, reply))) throw new Error("the one who asked by socket has gone");
            },
            isGone: () => !clients.has(client),
          });
        } catch (error) {
          fail(client, codes.params, (error as Error).message);
        }
      };

      return {
        endpoint: { kind: "socket", path },
        look() {
          for (const client of receive()) take(client, client.request as Request);
        },
        release(noticeId) {
          // Whoever has connected and waits to be taken would make the dump fail as well.
          receive();
          // Those who wait for this very reply get it in a moment; all others would make the dump fail.
          for (const client of clients) {
            const isAnswered = client.noticeId === noticeId || (client.isPatient && page.isWaiting);
            if (!isAnswered) fail(client, codes.busy, busy(noticeId));
          }
        },
        point: (noticeId) => ({
          reply(reply) {
            for (const client of clients) if (client.isPatient) greet(client, noticeId, reply);
          },
        }),
        whileHeld: {
          fd: listener.fd,
          read(heldId) {
            let heard: Word | undefined;
            const requests = receive();
            const latest = performance.now() - SILENT_MS;
            for (const client of clients)
              if (!client.request && client.since < latest) fail(client, codes.busy, busy(heldId));
            for (const client of requests) {
              const { id, method, params } = client.request as Request;
              const { id: noticeId, word } = Object(params) as Record<string, unknown>;
              if (method === "outcome" && noticeId === heldId && words.indexOf(word as Word) > 0) heard = word as Word;
              const isToWait = ["checkpoint", "point"].includes(method) && !page.isWaiting;
              if (isToWait) fail(client, codes.busy, busy(heldId));
              else take(client, { id, method, params });
            }
            return heard;
          },
        },
        [Symbol.dispose](): void {
          for (const { connection } of clients) connection[Symbol.dispose]();
          listener[Symbol.dispose]();
        },
      };
    },
  };
}

function busy(noticeId: string): string {
  return `this process is busy with the checkpoint ${noticeId}; try again when that is over`;
}
