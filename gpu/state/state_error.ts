import { LONGEST_MESSAGE, printable } from "../../ffi/printable.ts";

/**
 * Why a state cannot be saved or loaded.
 *
 * - `schema`: a name, dtype, shape or value is not what the schema says; the message names it
 * - `empty`: nothing was ever saved here
 * - `unfinished`: a save began and was not committed
 * - `truncated`: the segment is shorter than its header says
 * - `corrupt`: a checksum does not match; the message names the tensor
 * - `foreign`: the segment was not written by this library, or by an unknown version of it, or belongs to another user
 * - `reference`: a file that a tensor is kept in is gone or has changed
 * - `space`: there is not enough shared memory
 * - `busy`: a save is in progress
 * - `closed`: the state was disposed
 */
export type StateErrorCode =
  | "schema"
  | "empty"
  | "unfinished"
  | "truncated"
  | "corrupt"
  | "foreign"
  | "reference"
  | "space"
  | "busy"
  | "closed";

/**
 * A state cannot be saved or loaded. What was saved before, and the caller's data, are as they were. The message is one line and safe to
 * print, also where it names a tensor or a file of somebody else's.
 */
export class StateError extends Error {
  /** @ignore */
  override readonly name = "StateError";
  /** Why, for programs. */
  readonly code: StateErrorCode;

  /** @ignore */
  constructor(code: StateErrorCode, message: string, options?: ErrorOptions) {
    super(printable(message, LONGEST_MESSAGE), options);
    this.code = code;
  }
}
