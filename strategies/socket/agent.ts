import { realpathSync, unlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { textOf } from "../../ffi/bytes.ts";
import { listenToOne } from "../../ffi/doorbell.ts";
import { SIGIO } from "../../ffi/signal_numbers.ts";
import { listenUnix, type UnixConnection } from "../../ffi/unix_socket.ts";
import { checkNotice } from "../../lifecycle/notice.ts";
import { type Word, words } from "../../page/layout.ts";
import { readStatus } from "../../page/status.ts";
import type { Strategy } from "../strategy.ts";
import { createTrust } from "../trust.ts";
import { codes, encodeError, encodeResult, MAX_LINE_BYTES, parseRequest, type Request } from "./protocol.ts";

/** Options of {@linkcode socket}. */
export interface SocketOptions {
  /** Where to listen; the directory must exist. @default a new name in the directory for temporary files */
  readonly path?: string;
}

const NEWLINE = 10;

/** A connection whose request is not answered yet. */
interface Client {
  readonly connection: UnixConnection;
  received: Uint8Array;
  request?: Request;
  noticeId?: string;
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
      const name = `criu-aware-${libc.getpid()}-${crypto.randomUUID().slice(0, 8)}.sock`;
      const wanted = resolve(options.path ?? join(tmpdir(), name));
      const path = join(realpathSync(dirname(wanted)), basename(wanted));
      const isTrusted = createTrust(libc);
      const clients = new Set<Client>();
      const listener = listenUnix(libc, path, listenToOne(doorbell, SIGIO));

      const answer = (client: Client, response: Uint8Array): void => {
        client.connection.send(response);
        client.connection[Symbol.dispose]();
        clients.delete(client);
      };
      const fail = (client: Client, code: number, message: string): void =>
        answer(client, encodeError(client.request?.id ?? null, code, message));

      /** Takes new connections, and returns those whose request is complete and not answered yet. */
      const receive = (): Client[] => {
        for (let connection = listener.accept(); connection; connection = listener.accept()) {
          const client: Client = { connection, received: new Uint8Array() };
          clients.add(client);
          if (isTrusted(connection.uid)) continue;
          page.countRejected();
          fail(client, codes.forbidden, "only root and the user of this process may notify it");
        }
        return [...clients].filter((client) => !client.request && readLine(client));
      };
      const readLine = (client: Client): boolean => {
        for (let bytes = client.connection.receive(); bytes; bytes = client.connection.receive()) {
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

      const take = (client: Client, { id, method, params }: Request): void => {
        if (method === "status") {
          const { state, generation, outcome = null } = readStatus(page.fields);
          return answer(client, encodeResult(id, { state, generation, outcome }));
        }
        // Nobody is held: the word comes too late, or another way was faster.
        if (method === "outcome") return answer(client, encodeResult(id, null));
        if (method !== "checkpoint") return fail(client, codes.method, `there is no method ${JSON.stringify(method)}`);
        try {
          const given = Object(params) as Record<string, unknown>;
          const notice = checkNotice("id" in given ? given : { ...given, id: crypto.randomUUID() });
          client.noticeId = notice.id;
          deliver(notice, {
            reply: (reply) => answer(client, encodeResult(id, reply)),
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
          // Those who wait for this very reply get it in a moment; all others would make the dump fail.
          for (const client of clients) if (client.noticeId !== noticeId) fail(client, codes.busy, busy(noticeId));
        },
        whileHeld: {
          fd: listener.fd,
          read(heldId) {
            let heard: Word | undefined;
            for (const client of receive()) {
              const { id, method, params } = client.request as Request;
              const { id: noticeId, word } = Object(params) as Record<string, unknown>;
              if (method === "outcome" && noticeId === heldId && words.indexOf(word as Word) > 0) heard = word as Word;
              if (method === "checkpoint") fail(client, codes.busy, busy(heldId));
              else take(client, { id, method, params });
            }
            return heard;
          },
        },
        [Symbol.dispose](): void {
          for (const { connection } of clients) connection[Symbol.dispose]();
          listener[Symbol.dispose]();
          try {
            unlinkSync(path);
          } catch {}
        },
      };
    },
  };
}

function busy(noticeId: string): string {
  return `this process is busy with the checkpoint ${noticeId}; try again when that is over`;
}
