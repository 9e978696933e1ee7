import { readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, normalize } from "node:path";

/** Removes what nobody can reach: declarations that no entry point leads to, and modules that had only types. */
export function prune(folder: string, entries: readonly string[]): void {
  const declared = new Set<string>();
  const visit = (file: string): void => {
    if (declared.has(file)) return;
    declared.add(file);
    for (const path of importsOf(readFileSync(join(folder, file), "utf8")))
      visit(normalize(join(dirname(file), path.replace(/\.js$/, ".d.ts"))));
  };
  entries.map(normalize).forEach(visit);
  const remove = (file: string): void => rmSync(join(folder, file));
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (file.endsWith(".d.ts") && !declared.has(file)) remove(file);
    if (!file.endsWith(".js") || !isEmpty(readFileSync(join(folder, file), "utf8"))) continue;
    // An entry point may have types alone, and is imported all the same.
    if (entries.map(normalize).includes(file.replace(/\.js$/, ".d.ts"))) continue;
    remove(file);
    remove(`${file}.map`);
  }
}

/** The relative imports of a module, comments left out. */
export function importsOf(text: string): string[] {
  const code = text.replace(/^\s*\*.*$/gm, "");
  return [...code.matchAll(/\b(?:from|import)\s*\(?\s*"(\.[^"]*)"/g)].map(([, path]) => path as string);
}

function isEmpty(text: string): boolean {
  return text.replace(/\/\/.*|\/\*[\s\S]*?\*\//g, "").trim() === "export {};";
}
