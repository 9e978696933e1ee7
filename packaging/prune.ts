import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { type Published, pathsIn } from "./manifest.ts";

/** Removes what nobody can reach: declarations and modules that no entry point leads to, and modules that had only types. */
export function prune(folder: string, { exports, imports, bin }: Published): void {
  const types = Object.values(exports).flatMap((entry) => (entry.types ? [normalize(entry.types)] : []));
  const declared = reachable(folder, types, (text) => importsOf(text).map((path) => path.replace(/\.js$/, ".d.ts")));
  const modules = pathsIn([exports, imports, bin]).filter((path) => path.endsWith(".js"));
  const reached = reachable(folder, modules.map(normalize), (text) => [...importsOf(text), ...urlsOf(text)]);
  const remove = (file: string): void => rmSync(join(folder, file), { force: true });
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (file.endsWith(".d.ts") && !declared.has(file)) remove(file);
    if (!file.endsWith(".js")) continue;
    // An entry point may have types alone, and is imported all the same.
    const isEntry = types.includes(file.replace(/\.js$/, ".d.ts"));
    if (reached.has(file) && (isEntry || !isEmpty(readFileSync(join(folder, file), "utf8")))) continue;
    remove(file);
    remove(`${file}.map`);
  }
}

/** These files of a folder, and those that they lead to. */
function reachable(folder: string, entries: readonly string[], leadsTo: (text: string) => string[]): Set<string> {
  const found = new Set<string>();
  const visit = (file: string): void => {
    if (found.has(file)) return;
    found.add(file);
    if (!existsSync(join(folder, file)) || !/\.(js|d\.ts)$/.test(file)) return;
    for (const path of leadsTo(readFileSync(join(folder, file), "utf8"))) visit(normalize(join(dirname(file), path)));
  };
  entries.forEach(visit);
  return found;
}

/** The relative imports of a module, comments left out. */
export function importsOf(text: string): string[] {
  const code = text.replace(/^\s*\*.*$/gm, "");
  return [...code.matchAll(/\b(?:from|import)\s*\(?\s*"(\.[^"]*)"/g)].map(([, path]) => path as string);
}

/** What a module finds by its own URL: files, and the programs of package/program.ts. */
export function urlsOf(text: string): string[] {
  const code = text.replace(/^\s*\*.*$/gm, "");
  const calls = code.matchAll(/(new URL|[\w$]+)\("(\.[^"]*)", ?import\.meta\.url\)/g);
  return [...calls].map(([, call, path = ""]) => (call === "new URL" || path.endsWith("/") ? path : `${path}.js`));
}

function isEmpty(text: string): boolean {
  return text.replace(/\/\/.*|\/\*[\s\S]*?\*\//g, "").trim() === "export {};";
}
