/** Which files take something from outside, and which borders of SECURITY.md they belong to. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The rooms that ship. */
const rooms = [
  ...["ffi", "lifecycle", "page", "strategies", "gpu", "resources", "blockers", "images", "package", "criu", "driver"],
  ...["testing", "cli", "setup"],
];

/** By what calls a file is known that takes something from outside. */
const signs: Readonly<Record<string, RegExp>> = {
  "what is parsed": /\b(JSON\.parse|fromBinary|parseJson)\(/,
  "a file that is read":
    /\b(readFileSync|openSync|readSync|openChecked|openRegularFile|openEntry|openBeneath|readUpTo|createReadStream)\(|\blibc\.read\(/,
  "a text of the kernel": /\b(readOrEmpty|readProc|readLines|beginningOfProc|readCommandLine)\(/,
  "a socket": /\.(recv|accept4|connect|listen)\(|\bgetxattr\(/,
  "shared memory": /\b(createMemfd|mapShared|claim)\(/,
  "an environment": /\bprocess\.env\b/,
  "a stream": /\bprocess\.stdin\b|\bdrain\(libc/,
};

/** The files that have such signs, and which. What a generator made has none of its own. */
export function filesWithSigns(root: string): Map<string, string[]> {
  const names = rooms.flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: "utf8" }).map((name) => join(room, name)),
  );
  const found = new Map<string, string[]>();
  for (const file of [...names, ...readdirSync(root)].filter((name) => /(?<!_pb)\.ts$/.test(name))) {
    const text = readFileSync(join(root, file), "utf8").replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
    const its = Object.keys(signs).filter((sign) => signs[sign]?.test(text));
    if (its.length > 0) found.set(file, its);
  }
  return found;
}

export const coveredBy: Readonly<Record<string, readonly string[]>> = {};
export const notFromOutside: Readonly<Record<string, readonly string[]>> = {};
