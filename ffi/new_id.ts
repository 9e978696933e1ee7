const { crypto } = globalThis;
const randomUUID = crypto?.randomUUID;

/** A UUID for our own use, by the runtime's own function: an app may have put another in its place, `uniqueness({ beforeCheckpoint })` for one. */
export function newId(): string {
  return randomUUID.call(crypto);
}
