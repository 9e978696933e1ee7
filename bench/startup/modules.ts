import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** How many modules import one another: as in a service, whose parts have parts. */
const FOLDER = 40;

/**
 * Writes `count` modules of a middling size, and `index.ts`, which imports all and exports `total()`: of what each of them computes.
 * They stand for what a service has of its own and of packages beyond those that are installed here.
 */
export function writeModules(directory: string, count: number): void {
  const folders = Math.ceil(count / FOLDER);
  for (let folder = 0; folder < folders; folder++) {
    const members = Array.from({ length: Math.min(FOLDER, count - folder * FOLDER) }, (_, i) => folder * FOLDER + i);
    const path = join(directory, `part${folder}`);
    mkdirSync(path, { recursive: true });
    for (const member of members) writeFileSync(join(path, `module${member}.ts`), moduleText(member, members));
    const imports = members.map((member) => `import { total as t${member} } from './module${member}.ts';`);
    const sum = members.map((member) => `t${member}()`).join(" + ");
    writeFileSync(join(path, "index.ts"), `${imports.join("\n")}\nexport const total = (): number => ${sum};\n`);
  }
  const all = Array.from({ length: folders }, (_, folder) => folder);
  const imports = all.map((folder) => `import { total as t${folder} } from './part${folder}/index.ts';`);
  const sum = all.map((folder) => `t${folder}()`).join(" + ");
  writeFileSync(join(directory, "index.ts"), `${imports.join("\n")}\nexport const total = (): number => ${sum};\n`);
}

/** What `total()` returns then. */
export function totalOf(count: number): number {
  return (count * (count - 1)) / 2;
}

/** Types, a class, a table, and functions that few starts call: about 2 kB. */
function moduleText(member: number, members: readonly number[]): string {
  const before = member > (members[0] as number) ? member - 1 : undefined;
  const functions = Array.from(
    { length: 6 },
    (_, i) => `
export function step${i}(input: Item${member}, options: { readonly limit?: number } = {}): Item${member} {
  const { limit = ${i + 3} } = options;
  const parts = input.parts.filter((part) => part.length <= limit).map((part) => part.toUpperCase());
  if (parts.length === 0) return { ...input, parts: [\`\${input.name}-${i}\`] };
  return { name: input.name, parts, weight: parts.reduce((sum, part) => sum + part.length, input.weight) };
}`,
  );
  return `${before === undefined ? "" : `import { Registry${before} } from './module${before}.ts';\n`}
export interface Item${member} {
  readonly name: string;
  readonly parts: readonly string[];
  readonly weight: number;
}

const names = new Map<string, number>([["first", ${member}], ["second", ${member + 1}], ["third", ${member + 2}]]);
const pattern = /^(?<kind>[a-z]+)-(?<number>\\d+)$/;

export class Registry${member} {
  readonly #items = new Map<string, Item${member}>();
  ${before === undefined ? "" : `readonly parent = Registry${before};`}

  add(item: Item${member}): this {
    if (pattern.test(item.name)) this.#items.set(item.name, item);
    return this;
  }

  get size(): number {
    return this.#items.size;
  }
}
${functions.join("\n")}

export const registry: Registry${member} = new Registry${member}().add({ name: "item-${member}", parts: ["a"], weight: 1 });

export const total = (): number => (names.get("first") ?? 0) * registry.size;
`;
}
