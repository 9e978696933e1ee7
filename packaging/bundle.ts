/** Makes few modules of the command: to find and load hundreds takes longer than most commands run. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join, normalize, relative } from "node:path";

/** The packages that the command needs at every start. The others are loaded where they are used, and few runs use one. */
export const bundledPackages = ["commander", "@bufbuild/protobuf"] as const;

/**
 * The subcommand that has a module of its own, with half of the code of the whole command: whoever runs it waits for a program. What
 * the modules that choose load for it, of all that they would load for others.
 */
const HOT = "restore";
const chosenByHot: Readonly<Record<string, string>> = {
  "cli/program.js": "./restore.js",
  "driver/engines.js": "./restore.js",
};

/** What is made of the command. */
export interface Bundling {
  readonly root: string;
  /** Its module. */
  readonly entry: string;
  /** The lines that it begins with. */
  readonly start: string;
  /** What is still imported. */
  readonly outside: string[];
}

/**
 * Replaces the module `entry` in `folder` by a small one, that begins with `start` and loads one of two beside it: for the subcommand that
 * must be fast, or for all. Each holds all that it imports, but what differs between the runtimes, so that it is the same for both.
 */
export async function bundleCommand(folder: string, bundling: Bundling): Promise<void> {
  const { entry, start } = bundling;
  const name = (which: string): string => basename(entry).replace(/\.js$/, `.${which}.js`);
  const [hot, all] = await Promise.all([bundle(folder, bundling, true), bundle(folder, bundling, false)]);
  writeFileSync(join(folder, name(HOT)), hot);
  writeFileSync(join(folder, name("all")), all);
  const load = (which: string): string => `import(${JSON.stringify(`./${name(which)}`)})`;
  const chosen = `await (process.argv[2] === "${HOT}" ? ${load(HOT)} : ${load("all")});`;
  writeFileSync(join(folder, entry), `${start}\n${chosen}\n`);
}

async function bundle(folder: string, { root, entry, outside }: Bundling, isHot: boolean): Promise<string> {
  const { outputs } = await Bun.build({
    entrypoints: [join(folder, entry)],
    target: "node",
    format: "esm",
    minify: true,
    external: outside,
    plugins: [
      {
        name: "packages and places",
        setup({ onLoad, onResolve }) {
          onResolve({ filter: /^\./ }, ({ path, kind, importer }) => {
            const chosen = kind === "dynamic-import" && isHot ? chosenByHot[relative(folder, importer)] : undefined;
            return chosen === undefined || chosen === path ? undefined : { path, namespace: "absent" };
          });
          onLoad({ filter: /./, namespace: "absent" }, ({ path }) => ({
            loader: "js",
            contents: `throw new Error("${path} is not loaded for ${HOT}");`,
          }));
          onResolve({ filter: new RegExp(`^(${Object.keys(lazy).join("|")})$`) }, ({ path, kind }) =>
            kind === "import-statement" ? { path, namespace: "lazy" } : { path, external: true },
          );
          onLoad({ filter: /./, namespace: "lazy" }, ({ path }) => ({ loader: "js", contents: lazily(path) }));
          onResolve({ filter: new RegExp(`^(${bundledPackages.join("|")})(/|$)`) }, ({ path }) => ({
            path: Bun.resolveSync(path, root),
          }));
          onLoad({ filter: /\.js$/ }, ({ path }) => {
            const text = readFileSync(path, "utf8");
            const isOurs = !relative(folder, path).startsWith("..");
            return { loader: "js", contents: isOurs ? fromEntry(text, relative(folder, dirname(path))) : text };
          });
        },
      },
    ],
  });
  const [output] = outputs;
  if (outputs.length !== 1 || !output) throw new Error(`the command became ${outputs.length} modules instead of one`);
  return (await output.text()).replace(/^#!.*\n/, "");
}

/** Modules of the runtimes that take their time to load, and few runs use: the functions that are imported from them. */
const lazy: Readonly<Record<string, readonly string[]>> = {
  "node:crypto": ["createHash", "createHmac", "randomBytes"],
  "node:timers/promises": ["setTimeout"],
  "node:url": ["fileURLToPath"],
  "node:util": ["parseArgs", "promisify", "stripVTControlCharacters", "styleText"],
  "node:zlib": ["crc32"],
};

/** One that is loaded with the first call: in one module all that is imported would be loaded at once. */
function lazily(name: string): string {
  const functions = (lazy[name] ?? []).map(
    (one) => `export const ${one} = (...args) => process.getBuiltinModule("${name}").${one}(...args);`,
  );
  return functions.join("\n");
}

/** What a module finds by its own URL is named from the entry. */
function fromEntry(text: string, directory: string): string {
  const moved = text.replace(/\("(\.[^"]*)", import\.meta\.url\)/g, (_, path: string) => {
    const place = normalize(join(directory, path));
    return `("./${place === "." ? "" : place}", import.meta.url)`;
  });
  const code = moved.replace(/^\s*(\*|\/\/|\/\*).*$/gm, "").replaceAll('", import.meta.url)', "");
  if (code.includes("import.meta.url"))
    throw new Error(`a module in ${directory} uses import.meta.url for something else`);
  return moved;
}

/** The licences of the packages that are in the command. */
export function bundledLicences(root: string): string {
  return bundledPackages
    .map((name) => {
      const folder = join(root, "node_modules", name);
      const { version, license } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      return [`${name} ${version}: ${license}`, ...textsOf(folder)].join("\n\n");
    })
    .join(`\n\n${"-".repeat(80)}\n\n`)
    .concat("\n");
}

/** The text of a licence, or what the modules of a package say of theirs. */
function textsOf(folder: string): string[] {
  const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
  if (file) return [readFileSync(join(folder, file), "utf8").trim()];
  const modules = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".js"));
  const headers = modules.flatMap((name) => {
    const [header] = /^(\/\/.*\n)+/.exec(readFileSync(join(folder, name), "utf8")) ?? [];
    return header ? [header.replace(/^\/\/ ?/gm, "").trim()] : [];
  });
  const texts = [...new Set(headers)];
  // It asks for a copy of itself; this is the same text.
  const apache = readFileSync(join(folder, "../../zx/LICENSE"), "utf8").trimEnd();
  return texts.some((text) => text.includes("Apache License, Version 2.0")) ? [...texts, apache] : texts;
}
