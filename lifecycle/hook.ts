import { HookTimeoutError } from "./errors.ts";

/**
 * Calls a hook and gives it `timeoutMs`. A hook that returns no promise is not waited for: nothing else runs between it
 * and what follows. Throws what the hook throws, or HookTimeoutError.
 */
export function callHook(
  name: string,
  timeoutMs: number,
  hook: (signal: AbortSignal) => void | Promise<void>,
): void | Promise<void> {
  const controller = new AbortController();
  const result = hook(controller.signal);
  if (typeof result?.then !== "function") return;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(
      () => {
        const error = new HookTimeoutError(name, timeoutMs);
        controller.abort(error);
        reject(error);
      },
      Math.max(0, timeoutMs),
    );
    result.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
