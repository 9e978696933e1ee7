/** What a file of settings in JSON with comments says; nothing when it is no such object. */
export function parseSettings(text: string): Record<string, unknown> {
  try {
    return Object(JSON.parse(bareJson(text)));
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

/**
 * JSON without comments, and without commas before a closing bracket. Whatever stands there, it is gone through once: an expression
 * for strings would try again at each quote when the last one has no end.
 */
function bareJson(text: string): string {
  const parts: string[] = [];
  let done = 0;
  /** The place in `parts` of a comma that nothing has followed yet. */
  let comma = -1;
  const token = /"|\/\/|\/\*|,|[}\]]/g;
  for (let found = token.exec(text); found; found = token.exec(text)) {
    const [what] = found;
    const between = text.slice(done, found.index);
    if (between.trim() !== "") comma = -1;
    done = endOf(what, text, found.index);
    token.lastIndex = done;
    const isComment = what.startsWith("/");
    if (/[}\]]/.test(what) && comma >= 0) parts[comma] = "";
    parts.push(between, isComment ? "" : text.slice(found.index, done));
    if (!isComment) comma = what === "," ? parts.length - 1 : -1;
  }
  parts.push(text.slice(done));
  return parts.join("");
}

/** Where a token ends; one without its end takes all the rest, or of a string its line. */
function endOf(what: string, text: string, start: number): number {
  if (what === '"') return endOfString(text, start);
  if (!what.startsWith("/")) return start + 1;
  const [end, length] = what === "//" ? ["\n", 0] : ["*/", 2];
  const found = text.indexOf(end, start + 2);
  return found < 0 ? text.length : found + length;
}

function endOfString(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const letter = text[at];
    if (letter === "\\") at++;
    else if (letter === '"') return at + 1;
    else if (letter === "\n") return at;
  }
  return text.length;
}
