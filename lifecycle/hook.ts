import { HookTimeoutError, ResourceError } from "./errors.ts";
import type { CheckpointContext, HoldContext, Resource, RestoreContext } from "./types.ts";

/** The contexts of the hooks, as far as the caller makes them. */
interface Contexts {
  readonly beforeCheckpoint: Omit<CheckpointContext, "signal" | "timeoutMs">;
  readonly afterRestore: Omit<RestoreContext, "signal" | "timeoutMs">;
}

/** Calls the hook that may not wait, and returns what went wrong. */
export function callLastHook(resource: Resource, details: HoldContext): ResourceError | undefined {
  try {
    const result: unknown = resource.beforeHold?.({ ...details });
    if (typeof Object(result).then !== "function") return undefined;
    // What it would do, it would do while CRIU works, or afterwards. Its error, if it comes to one, is that it was too late.
    Promise.resolve(result).catch(() => {});
    throw new TypeError(
      "beforeHold returned a promise: it must be done when it returns. What waits belongs into beforeCheckpoint",
    );
  } catch (cause) {
    return new ResourceError(resource.name, "beforeHold", cause);
  }
}

/** The longest time that setTimeout() takes. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * Calls a hook of a resource, gives it `timeoutMs`, and returns what went wrong. A promise is returned only when the hook
 * returned one: nothing else runs between a synchronous hook and what follows.
 */
export function callHook<H extends keyof Contexts>(
  resource: Resource,
  hook: H,
  details: Contexts[H],
  timeoutMs: number,
): ResourceError | undefined | Promise<ResourceError | undefined> {
  const failed = (cause: unknown): ResourceError => new ResourceError(resource.name, hook, cause);
  let controller: AbortController | undefined;
  let timeout: HookTimeoutError | undefined;
  const context = {
    ...details,
    timeoutMs,
    // Made when it is first asked for: most hooks need none, and to make one takes long.
    get signal() {
      controller ??= new AbortController();
      if (timeout) controller.abort(timeout);
      return controller.signal;
    },
  };
  let result: void | Promise<void>;
  try {
    result = resource[hook]?.(context as CheckpointContext & RestoreContext);
    if (typeof result?.then !== "function") return undefined;
  } catch (cause) {
    return failed(cause);
  }
  return new Promise<void>((resolve, reject) => {
    const end = (): void => {
      timeout = new HookTimeoutError(hook, timeoutMs);
      controller?.abort(timeout);
      reject(timeout);
    };
    const timer = setTimeout(end, Math.min(timeoutMs, MAX_TIMEOUT_MS));
    Promise.resolve(result)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  }).then(() => undefined, failed);
}
