/** What was asked for cannot be: a wrong pid, directory or option. Nothing was begun. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
