import { HookTimeoutError, ResourceError } from "./errors.ts";
import type { CheckpointContext, Resource, RestoreContext } from "./types.ts";

/** The contexts of the hooks, as far as the caller makes them. */
interface Contexts {
  readonly beforeCheckpoint: Omit<CheckpointContext, "signal">;
  readonly afterRestore: Omit<RestoreContext, "signal">;
}

/** The longest time that setTimeout() takes. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** The signal of a context is made when it is first asked for: most hooks need none, and to make one takes long. */
class Context {
  #controller: AbortController | undefined;
  #timeout: HookTimeoutError | undefined;

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#timeout) this.#controller.abort(this.#timeout);
    return this.#controller.signal;
  }

  static end(context: Context, timeout: HookTimeoutError): void {
    context.#timeout = timeout;
    context.#controller?.abort(timeout);
  }
}

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
  const context = Object.assign(new Context(), details);
  let result: void | Promise<void>;
  try {
    result = resource[hook]?.(context as Context & CheckpointContext & RestoreContext);
  } catch (cause) {
    return failed(cause);
  }
  if (typeof result?.then !== "function") return undefined;
  return new Promise<void>((resolve, reject) => {
    const end = (): void => {
      const timeout = new HookTimeoutError(hook, timeoutMs);
      Context.end(context, timeout);
      reject(timeout);
    };
    const timer = setTimeout(end, Math.min(timeoutMs, MAX_TIMEOUT_MS));
    Promise.resolve(result)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  }).then(() => undefined, failed);
}
