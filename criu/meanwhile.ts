/**
 * Begins with `task` once what the caller is about to send off is on its way: CRIU takes its time to start and to end, and what is
 * done meanwhile costs none. A failure that nobody asks for is none.
 */
export function meanwhile<T>(task: () => Promise<T> | T): Promise<T> {
  const result = new Promise((resolve) => setImmediate(resolve)).then(task);
  result.catch(() => {});
  return result;
}
