import { printable } from "../../ffi/printable.ts";
import { decode } from "../../protobuf/decode.ts";
import { CriuError } from "../errors.ts";
import { type Response, responseFields } from "./messages.ts";

/**
 * Reads what CRIU answers by RPC.
 * @throws {CriuError} when it is no such answer.
 */
export function decodeResponse(bytes: Uint8Array): Response {
  try {
    return decode(responseFields, bytes);
  } catch (error) {
    const why = printable((error as Error).message);
    throw new CriuError(
      "start",
      `CRIU's answer cannot be read: ${why}. See whether the binary that was started is CRIU.`,
    );
  }
}
