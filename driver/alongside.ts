/**
 * Begins with `task` once what the caller is about to send off is on its way, or `afterMs` later: CRIU takes its time to start and to
 * end, and what is done meanwhile costs none. A failure that nobody asks for is none.
 */
export function alongside<T>(task: () => Promise<T> | T, afterMs?: number): Promise<T> {
  const begin = new Promise<void>((resolve) => {
    if (afterMs === undefined) setImmediate(resolve);
    else setTimeout(resolve, afterMs);
  });
  const result = begin.then(task);
  result.catch(() => {});
  return result;
}
