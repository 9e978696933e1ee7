/** How a text may lie in memory. JavaScript engines keep a string as Latin-1 where they can, else as UTF-16. */
export type Encoding = "bytes" | "utf-8" | "utf-16" | "latin-1";

/** What to look for, and what its being there means. */
export interface Needle {
  readonly encoding: Encoding;
  readonly bytes: Uint8Array;
}

/** A text in all its forms, each once; bytes as they are. */
export function needlesOf(wanted: string | Uint8Array): Needle[] {
  if (typeof wanted !== "string") return [{ encoding: "bytes", bytes: wanted }];
  const needles: Needle[] = [
    { encoding: "utf-8", bytes: Buffer.from(wanted, "utf8") },
    { encoding: "utf-16", bytes: Buffer.from(wanted, "utf16le") },
  ];
  // Pure ASCII is the same in UTF-8; what is beyond U+00FF has no Latin-1.
  if (/^[\0-\u00ff]*$/.test(wanted) && /[\u0080-\u00ff]/.test(wanted)) {
    needles.push({ encoding: "latin-1", bytes: Buffer.from(wanted, "latin1") });
  }
  return needles;
}

/** Where one needle was found in a stream of chunks. */
export interface Hits {
  readonly encoding: Encoding;
  count: number;
  /** The first of them, as offsets from the beginning of the stream. */
  readonly offsets: number[];
}

/**
 * Looks for the needles in a stream, across the borders of its chunks. Bytes are searched as Latin-1 text, in which each byte is
 * one letter: both runtimes search in strings fast, and Deno in buffers ten times slower.
 * @param keep how many offsets to note for each needle; all are counted.
 */
export async function search(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  needles: readonly Needle[],
  keep: number,
): Promise<Hits[]> {
  const hits = needles.map(({ encoding }): Hits => ({ encoding, count: 0, offsets: [] }));
  const texts = needles.map(({ bytes }) => latin1(bytes));
  const longest = Math.max(...texts.map(({ length }) => length));
  let tail = "";
  let position = 0;
  for await (const chunk of chunks) {
    const window = tail + latin1(chunk);
    const start = position - tail.length;
    texts.forEach((text, i) => {
      const found = hits[i] as Hits;
      // Not what already lay whole in the chunks before.
      let at = window.indexOf(text, Math.max(0, tail.length - text.length + 1));
      for (; at >= 0; at = window.indexOf(text, at + 1)) {
        found.count++;
        if (found.offsets.length < keep) found.offsets.push(start + at);
      }
    });
    position += chunk.length;
    tail = window.slice(Math.max(0, window.length - longest + 1));
  }
  return hits.filter(({ count }) => count > 0);
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}
