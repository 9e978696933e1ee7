/** Inputs that several borders take. */
import fc from "fast-check";

/** What has a meaning somewhere: to a terminal, a parser, an object. */
const special = [
  ..."\0\n\r\t \u001b\u0085\u00ad\u202e\u2066\u2028\u2029\ud800\udc00\ufffd\ufeff…",
  ..."\"'\\/=:;,.#$%(){}[]-+*?@~",
  ..."a0ä\u{1f600}",
];

/** Made once: to make a text letter by letter takes longer than to try it. */
const texts = [
  ...["", "a", "name", "0", "-1", "1e3", "null", "true", "__proto__", "constructor", "toString", "then", "length"],
  ...special,
  ...[
    "a\nb",
    "a\0b",
    "\u001b[31m",
    "\u001b]0;title\u0007",
    "\u202egnp.exe",
    "a (b) R 1 2",
    "\ud800\ud800",
    "a\u0301",
    "é",
  ],
  ...[
    "Name:\tx\nUid:\t0\t0\t0\t0",
    "../../etc/passwd",
    "/proc/self/root",
    "$(id)",
    "`id`",
    "a=b",
    "%s%n",
    '"}',
    '\\"',
    "//",
  ],
  ...["x".repeat(100), "\u001b".repeat(300), "\ud800".repeat(200), "ß".repeat(5000), " ".repeat(3000)],
];

/** A text of whatever there is. */
export function text(maxLength = 40): fc.Arbitrary<string> {
  return fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...new Set(texts.map((text) => text.slice(0, maxLength)))) },
    { weight: 1, arbitrary: fc.string({ unit: fc.constantFrom(...special), maxLength }) },
    { weight: 1, arbitrary: fc.string({ maxLength }) },
  );
}

/** The same, as UTF-8 can carry it. */
export function wholeText(maxLength = 40): fc.Arbitrary<string> {
  return text(maxLength).map((text) => text.toWellFormed());
}

/** A word that is safe to print and not long. */
export function plainText(maxLength = 20): fc.Arbitrary<string> {
  return fc.string({ unit: fc.constantFrom(..."abcXYZ019-_./ äß€"), maxLength });
}

export const numbers: fc.Arbitrary<number> = fc.oneof(
  fc.integer({ min: -3, max: 300 }),
  fc.integer(),
  fc.maxSafeInteger(),
  fc.double(),
  fc.constantFrom(-0, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53, 1e300, Number.POSITIVE_INFINITY, Number.NaN),
);

/** Any value of JSON; members have one of `names` now and then. */
export function json(names: readonly string[] = []): fc.Arbitrary<unknown> {
  const name = names.length > 0 ? fc.oneof(fc.constantFrom(...names), text(8)) : text(8);
  return fc.letrec((tie) => ({
    value: fc.oneof({ depthSize: "small", withCrossShrink: true }, tie("leaf"), tie("list"), tie("object")),
    leaf: fc.oneof(text(), numbers, fc.boolean(), fc.constant(null)),
    list: fc.array(tie("value"), { maxLength: 4 }),
    object: fc.array(fc.tuple(name, tie("value")), { maxLength: 5 }).map((members) => Object.fromEntries(members)),
  })).value;
}

/** JSON as text: well written, or with what JSON.stringify never writes, or no JSON at all. */
export function jsonText(value: fc.Arbitrary<unknown>): fc.Arbitrary<string> {
  const written = value.map((value) => JSON.stringify(value) ?? "");
  const odd = fc.constantFrom(
    "1e999",
    "-0",
    "1e-7",
    "9007199254740993",
    '"\\ud800"',
    "{",
    "[[",
    '{"id":1,"id":2}',
    "//",
  );
  return fc.oneof(
    { weight: 6, arbitrary: written },
    {
      weight: 2,
      arbitrary: fc.tuple(written, odd, fc.nat()).map(([text, odd, at]) => spliced(text, at % (text.length + 1), odd)),
    },
    { weight: 1, arbitrary: text(200) },
    { weight: 1, arbitrary: fc.constantFrom("[", '{"a":').map((open) => open.repeat(20_000)) },
  );
}

function spliced(text: string, at: number, odd: string): string {
  // In the place of a whole number, when one stands there.
  return text.slice(0, at) + odd + text.slice(at).replace(/^\d+/, "");
}

/** A value of JSON with a few of its members, however deep, taken away or replaced by what has nothing to do there. */
export function altered(valid: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const edit = fc.tuple(fc.nat(), fc.option(json(), { nil: undefined }));
  return fc
    .tuple(valid, fc.array(edit, { maxLength: 3 }))
    .map(([value, edits]) => edits.reduce((before, [at, other]) => replaced(before, at, other), value));
}

function replaced(value: unknown, at: number, other: unknown): unknown {
  const copy = structuredClone(value);
  const places = placesIn(copy);
  if (places.length === 0) return other;
  const [holder, name] = places[at % places.length] as (typeof places)[number];
  if (other === undefined && Array.isArray(holder)) holder.splice(Number(name), 1);
  else if (other === undefined) delete holder[name];
  else holder[name] = other;
  return copy;
}

function placesIn(value: unknown): [holder: Record<string, unknown>, name: string][] {
  if (typeof value !== "object" || value === null) return [];
  const holder = value as Record<string, unknown>;
  return Object.keys(holder).flatMap((name) => [[holder, name] as [typeof holder, string], ...placesIn(holder[name])]);
}

/** Bytes of which some are changed, gone, new, or there again. */
export function damaged(valid: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Uint8Array> {
  const edit = fc.record({
    kind: fc.constantFrom("set", "insert", "cut", "repeat", "end"),
    at: fc.nat(),
    bytes: fc.oneof(
      fc.uint8Array({ minLength: 1, maxLength: 8 }),
      fc
        .constantFrom([0], [0xff], [0xff, 0xff, 0xff, 0xff], [0x80, 0x80, 0x80, 0x80], [0x7f])
        .map((bytes) => Uint8Array.from(bytes)),
    ),
  });
  return fc.tuple(valid, fc.array(edit, { maxLength: 4 })).map(([bytes, edits]) => edits.reduce(changed, bytes));
}

interface Edit {
  readonly kind: string;
  readonly at: number;
  readonly bytes: Uint8Array;
}

function changed(before: Uint8Array, { kind, at, bytes }: Edit): Uint8Array {
  const place = at % (before.length + 1);
  const [head, tail] = [before.slice(0, place), before.slice(place)];
  const parts = {
    set: [head, bytes, tail.slice(bytes.length)],
    insert: [head, bytes, tail],
    cut: [head, tail.slice(bytes.length)],
    repeat: [before, tail],
    end: [head],
  }[kind] as Uint8Array[];
  return new Uint8Array(Buffer.concat(parts));
}
