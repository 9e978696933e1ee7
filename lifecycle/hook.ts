import { HookTimeoutError, ResourceError } from "./errors.ts";
import type { CheckpointContext, Resource, RestoreContext } from "./types.ts";

/** The contexts of the hooks, as far as the caller makes them. */
interface Contexts {
  readonly beforeCheckpoint: Omit<CheckpointContext, "signal">;
  readonly afterRestore: Omit<RestoreContext, "signal">;
}

/**
 * Calls a hook of a resource, gives it `timeoutMs`, and returns what went wrong. A promise is returned only when the hook
 * returned one: nothing else runs between a synchronous hook and what follows.
 */
export function callHook<H extends keyof Contexts>(
  resource: Resource,
  hook: H,
  context: Contexts[H],
  timeoutMs: number,
): ResourceError | undefined | Promise<ResourceError | undefined> {
  const failed = (cause: unknown): ResourceError => new ResourceError(resource.name, hook, cause);
  let controller: AbortController | undefined;
  let timeout: HookTimeoutError | undefined;
  // Made when it is first asked for: most hooks need none, and to make one takes long.
  Object.defineProperty(context, "signal", {
    get() {
      controller ??= new AbortController();
      if (timeout) controller.abort(timeout);
      return controller.signal;
    },
    enumerable: true,
  });
  let result: void | Promise<void>;
  try {
    result = resource[hook]?.(context as CheckpointContext & RestoreContext);
  } catch (cause) {
    return failed(cause);
  }
  if (typeof result?.then !== "function") return undefined;
  return new Promise<void>((resolve, reject) => {
    const timer = setTimeout(
      () => {
        timeout = new HookTimeoutError(hook, timeoutMs);
        controller?.abort(timeout);
        reject(timeout);
      },
      Math.max(0, timeoutMs),
    );
    result.then(resolve, reject).finally(() => clearTimeout(timer));
  }).then(() => undefined, failed);
}
