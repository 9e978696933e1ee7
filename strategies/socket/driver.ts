import { connect } from "node:net";
import { openBeneath } from "../../ffi/beneath.ts";
import { printable } from "../../ffi/printable.ts";
import type { Notice, Reply } from "../../lifecycle/types.ts";
import type { DriverPage } from "../../page/driver_page.ts";
import { encodeRequest, MAX_LINE_BYTES, type Results } from "./protocol.ts";

/** Notifies by JSON-RPC: resolves with the reply, with undefined when there was none in time. */
export async function notifyBySocket(
  page: DriverPage,
  path: string,
  notice: Notice,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Reply | undefined> {
  using place = openBeneath(page.libc, page.pid, path);
  const reply = await call(place.path, "checkpoint", notice, timeoutMs, signal);
  if (reply?.reply !== "refused") return reply;
  return { reply: "refused", reasons: [...(reply.reasons ?? [])].map((text) => printable(text)) };
}

/**
 * Calls one method of an app that listens at `path`. Resolves with undefined when no answer came within `timeoutMs`, or before
 * `signal` aborted.
 * Rejects when the app answers with an error, or cannot be reached.
 */
export function call<M extends keyof Results>(
  path: string,
  method: M,
  params: unknown,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<Results[M] | undefined> {
  return new Promise((resolve, reject) => {
    const connection = connect(path, () => connection.write(encodeRequest(method, params)));
    const giveUp = (): void => end(() => resolve(undefined));
    const timer = setTimeout(giveUp, timeoutMs);
    signal?.addEventListener("abort", giveUp);
    let text = "";
    const end = (settle: () => void): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", giveUp);
      connection.destroy();
      settle();
    };
    const failed = (why: string): void =>
      end(() => reject(new Error(`Cannot call ${method} on the app's socket: ${printable(why)}`)));
    connection.setEncoding("utf8");
    connection.on("error", (error) => failed(error.message));
    connection.on("end", () => failed("it hung up without an answer"));
    connection.on("data", (chunk) => {
      text += chunk;
      const line = text.split("\n", 1)[0] as string;
      if (line.length === text.length)
        return text.length > MAX_LINE_BYTES ? failed("its answer is too long") : undefined;
      try {
        const { result, error } = JSON.parse(line);
        if (error) failed(String(Object(error).message));
        else end(() => resolve(result));
      } catch {
        failed("its answer is not JSON");
      }
    });
  });
}
