/** Deeper nesting is refused, as by the reference reader (serde_json): it also bounds the recursion here. */
const DEEPEST = 127;
const literal = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const special = /[\\\p{Cc}]/u;

/** A value of JSON. A number is NaN unless it is written as a whole one: `1e0` and `-0` are no counts for the reference reader. */
export type Json = null | boolean | string | number | readonly Json[] | JsonObject;

/** An object of JSON. No two members have one name; names are data, also `__proto__`. */
export interface JsonObject {
  readonly members: ReadonlyMap<string, Json>;
}

/**
 * Reads JSON as strictly as the reference reader of safetensors does, which sees what JSON.parse() hides: how a number is written, and
 * halves of surrogate pairs, which it refuses. A name that is there twice is refused here as well, as the format has it: of two readers
 * one would take the first, and one the last. Throws SyntaxError.
 */
export function parseJson(text: string): Json {
  const reader = new Reader(text);
  const value = reader.value(1);
  reader.end();
  return value;
}

/** Whether it is an object. */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === "object" && value !== null && "members" in value;
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(depth: number): Json {
    this.#skip();
    const start = this.#text[this.#at];
    if (start === '"') return this.#string();
    if (start !== "{" && start !== "[") return this.#literal();
    if (depth > DEEPEST) this.#fail("too deep");
    this.#at++;
    return start === "[" ? this.#list(depth) : this.#object(depth);
  }

  end(): void {
    this.#skip();
    if (this.#at < this.#text.length) this.#fail("more than a value");
  }

  #list(depth: number): Json[] {
    const items: Json[] = [];
    while (this.#goesOn("]", items.length === 0)) items.push(this.value(depth + 1));
    return items;
  }

  #object(depth: number): JsonObject {
    const members = new Map<string, Json>();
    for (let isFirst = true; this.#goesOn("}", isFirst); isFirst = false) {
      this.#skip();
      const name = this.#string();
      this.#expect(":");
      if (members.has(name)) this.#fail("a name that is there twice");
      members.set(name, this.value(depth + 1));
    }
    return { members };
  }

  /** Takes what stands before the next item, or the end. */
  #goesOn(end: string, isFirst: boolean): boolean {
    this.#skip();
    if (this.#text[this.#at] === end) {
      this.#at++;
      return false;
    }
    if (!isFirst) this.#expect(",");
    return true;
  }

  #string(): string {
    const start = this.#at;
    if (this.#text[start] !== '"') this.#fail("no string");
    for (let end = this.#text.indexOf('"', start + 1); end >= 0; end = this.#text.indexOf('"', end + 1)) {
      let slash = end;
      while (this.#text[slash - 1] === "\\") slash--;
      if ((end - slash) % 2 === 1) continue;
      this.#at = end + 1;
      const raw = this.#text.slice(start, end + 1);
      const value: string = special.test(raw) ? JSON.parse(raw) : raw.slice(1, -1);
      return value.isWellFormed() ? value : this.#fail("half of a surrogate pair");
    }
    return this.#fail("a string without an end");
  }

  #literal(): null | boolean | number {
    literal.lastIndex = this.#at;
    const text = literal.exec(this.#text)?.[0] ?? this.#fail("no value");
    this.#at += text.length;
    if (/^[tfn]/.test(text)) return JSON.parse(text);
    if (!Number.isFinite(Number(text))) this.#fail("a number that is too large");
    return /^\d+$/.test(text) ? Number(text) : Number.NaN;
  }

  #expect(mark: string): void {
    this.#skip();
    if (this.#text[this.#at] !== mark) this.#fail(`no ${mark}`);
    this.#at++;
  }

  /** Space, tabs and newlines: RFC 8259. */
  #skip(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return;
      this.#at++;
    }
  }

  #fail(what: string): never {
    throw new SyntaxError(`${what} at character ${this.#at}`);
  }
}
