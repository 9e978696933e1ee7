import { Lifecycle } from "./lifecycle.ts";
import type { Ports } from "./ports.ts";
import type { Notice } from "./types.ts";

/** The notice of a rehearsal. */
export const REHEARSAL: Notice = { id: "rehearsal", leaseMs: 1 };
/** A signal that this thread blocks does not come. */
const PATIENCE_MS = 20;

/** A lifecycle of its own for one empty checkpoint, and what resolves once {@linkcode REHEARSAL} has gone through it, or does not come. */
export function createRehearsal(ports: Ports): { readonly played: Lifecycle; readonly done: Promise<void> } {
  const played = new Lifecycle(ports);
  const done = new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, PATIENCE_MS);
    const afterRestore = (): void => {
      clearTimeout(timer);
      // What follows the last hook is part of it.
      setTimeout(resolve);
    };
    played.resources.add({ name: REHEARSAL.id, beforeCheckpoint() {}, afterRestore });
  });
  return { played, done };
}
