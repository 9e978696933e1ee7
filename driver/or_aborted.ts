/**
 * What somebody else's work comes to, which may never end.
 * @throws what `signal` was aborted with, as soon as it is; the work is then left alone.
 */
export async function orAborted<T>(work: T | Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  let cancel = (): void => {};
  const cancelled = new Promise<void>((resolve) => {
    cancel = resolve;
  });
  signal?.addEventListener("abort", cancel);
  if (signal?.aborted) cancel();
  try {
    const result = await Promise.race([work, cancelled]);
    signal?.throwIfAborted();
    return result as T;
  } finally {
    signal?.removeEventListener("abort", cancel);
  }
}
