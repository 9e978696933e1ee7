/** A helper of the soak: Ctrl-C is for the soak alone, and without it there is nothing left to do. */
export function endWithParent(): void {
  const parent = process.ppid;
  process.on("SIGINT", () => {});
  setInterval(() => process.ppid === parent || process.exit(1), 1000).unref();
}
