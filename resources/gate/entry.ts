import type { Visit } from "./door.ts";
import { GateClosedError } from "./errors.ts";

/**
 * Being inside of a gate. Disposal leaves; once more, it does nothing. `isInside` says whether that has not happened yet.
 */
export interface Pass extends Disposable {
  /** Until it is disposed. */
  readonly isInside: boolean;
}

/**
 * The way into a gate. `using _ = gate.enter()` is inside at once, or throws `GateClosedError` while a checkpoint is under way;
 * `using _ = await gate.enter()` waits for its outcome.
 */
export interface Entry extends Disposable, PromiseLike<Pass> {}

/** An entry of somebody who is inside, or who is not and will wait when asked to. */
export function entryOf(visit: Visit | undefined, wait: () => Promise<Visit>): Entry {
  let later: Promise<Visit> | undefined;
  return {
    // `using` looks for it at once: whoever does not wait learns here that nobody let them in.
    get [Symbol.dispose]() {
      if (!visit) throw new GateClosedError(0);
      return () => visit[Symbol.dispose]();
    },
    // biome-ignore lint/suspicious/noThenProperty: it is what `await` calls; nobody waits who does not want to.
    then(onEntered, onRejected) {
      later ??= visit ? Promise.resolve(visit) : wait();
      return later.then(onEntered, onRejected);
    },
  };
}
