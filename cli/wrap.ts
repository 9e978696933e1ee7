const WIDTH = 80;

/**
 * Breaks a text between words so that no line is wider than 80 columns. The first line begins with `first`, the others with
 * `indent`. A word that is longer than a line stays whole, so that it can be copied.
 */
export function wrap(text: string, indent: string, first: string = indent): string {
  const lines: string[] = [];
  let line = first;
  let empty = true;
  for (const word of text.split(" ")) {
    if (!empty && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = indent;
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  return [...lines, line].join("\n");
}
