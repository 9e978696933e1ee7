/**
 * JSON-RPC 2.0 (jsonrpc.org/specification) on a unix stream socket, a message a line, a request a connection: the app closes
 * it after its response, for CRIU cannot dump a connected socket.
 *
 * | method | params | result |
 * | --- | --- | --- |
 * | `checkpoint` | a notice | a reply |
 * | `outcome` | `{ id, word }`: what became of the checkpoint | `null` |
 * | `status` | | `{ state, generation, outcome }` |
 * | `point` | | a reply and the `id` of the notice, once the app is held at a point of its own |
 */
import { encoder } from "../../ffi/bytes.ts";
import { checkNotice } from "../../lifecycle/notice.ts";
import { checkReply } from "../../lifecycle/reply.ts";
import type { Outcome, Reply, State } from "../../lifecycle/types.ts";
import { outcomes, states } from "../../page/layout.ts";

/** A request that arrived. */
export interface Request {
  readonly id: number | string | null;
  readonly method: string;
  readonly params: unknown;
}

/** What `status` answers. */
export interface SocketStatus {
  readonly state: State;
  readonly generation: number;
  readonly outcome: Outcome | null;
}

/** The results by method. */
export interface Results {
  readonly checkpoint: Reply;
  readonly outcome: null;
  readonly status: SocketStatus;
  readonly point: Reply & { readonly id: string };
}

/** Codes of the specification, and ours from -32000 on. */
export const codes = {
  parse: -32700,
  request: -32600,
  method: -32601,
  params: -32602,
  busy: -32000,
  forbidden: -32001,
} as const;

/** The longest line that is read. */
export const MAX_LINE_BYTES = 65_536;

/** Reads a request; undefined when it is not JSON-RPC 2.0. */
export function parseRequest(line: string): Request | undefined {
  try {
    const { jsonrpc, id = null, method, params } = Object(JSON.parse(line)) as Record<string, unknown>;
    const validId = id === null || typeof id === "string" || typeof id === "number";
    return jsonrpc === "2.0" && typeof method === "string" && validId ? { id, method, params } : undefined;
  } catch {
    return undefined;
  }
}

export function encodeRequest(method: string, params: unknown): string {
  return `${JSON.stringify({ jsonrpc: "2.0", id: 1, method, params })}\n`;
}

/**
 * Reads the response to a call of `method`: its result, with no unknown members.
 * @throws {Error} with the message of an error that the app answers, and when it is no response, or no result of this method.
 */
export function parseResponse<M extends keyof Results>(method: M, line: string): Results[M] {
  let response: Record<string, unknown>;
  try {
    response = Object(JSON.parse(line));
  } catch {
    throw new Error("its answer is not JSON");
  }
  const { result, error } = response;
  if (error) {
    const { message } = Object(error);
    throw new Error(typeof message === "string" ? message : "it answers with an error");
  }
  return parsers[method](result);
}

const parsers: { readonly [M in keyof Results]: (result: unknown) => Results[M] } = {
  checkpoint: checkReply,
  outcome: () => null,
  point: (result) => ({ ...checkReply(result), id: checkNotice(result).id }),
  status(result) {
    const { state, generation, outcome = null } = Object(result) as Record<string, unknown>;
    const known = states.includes(state as State) && (outcome === null || outcomes.indexOf(outcome as Outcome) > 0);
    if (!known || !Number.isSafeInteger(generation) || (generation as number) < 0)
      throw new Error("its answer is no status");
    return { state, generation, outcome } as SocketStatus;
  },
};

export function encodeResult(id: Request["id"], result: unknown): Uint8Array {
  return encoder.encode(`${JSON.stringify({ jsonrpc: "2.0", id, result })}\n`);
}

export function encodeError(id: Request["id"], code: number, message: string): Uint8Array {
  return encoder.encode(`${JSON.stringify({ jsonrpc: "2.0", id, error: { code, message } })}\n`);
}
