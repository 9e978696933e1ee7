/** What a file of settings in JSON with comments says; nothing when it is no such object. */
export function parseSettings(text: string): Record<string, unknown> {
  // Whatever stands there, each expression goes through it once: one comment without its end takes all the rest.
  const bare = text
    .replace(/("(?:[^"\\\n]|\\.)*")|\/\/[^\n]*|\/\*(?:[\s\S]*?\*\/|[\s\S]*)/g, (_, string?: string) => string ?? "")
    .replace(/("(?:[^"\\\n]|\\.)*")|,(?=\s*[}\]])/g, (_, string?: string) => string ?? "");
  try {
    return Object(JSON.parse(bare));
  } catch {
    return {};
  }
}

/** All texts in a value, however deep: the conditions of `exports` nest. */
export function textsIn(value: unknown, depth = 0): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null || depth > 8) return [];
  return Object.values(value).flatMap((inner) => textsIn(inner, depth + 1));
}
