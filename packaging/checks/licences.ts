import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Check } from "../check.ts";
import { install } from "../project.ts";

/** Licences that ask for their own text and nothing more. */
const permissive = ["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BlueOak-1.0.0", "ISC", "MIT", "Unlicense"];

export const check: Check = {
  name: "the licences of all that is installed are permissive",
  async run(packed) {
    await install(packed);
    const modules = join(packed.directory, "node_modules");
    const found = new Map<string, string[]>();
    for (const file of readdirSync(modules, { recursive: true, encoding: "utf8" })) {
      if (!/(^|node_modules\/)(@[^/]+\/)?[^/]+\/package\.json$/.test(file)) continue;
      const { name, license = "none" } = JSON.parse(readFileSync(join(modules, file), "utf8"));
      if (name) found.set(license, [...(found.get(license) ?? []), name]);
    }
    // An expression such as "(Apache-2.0 AND BSD-3-Clause)" is as good as its parts.
    const isPermissive = (licence: string): boolean =>
      licence.split(/ (?:AND|OR) |[()]/).every((part) => part === "" || permissive.includes(part));
    const others = [...found].filter(([licence]) => !isPermissive(licence));
    if (others.length > 0)
      throw new Error(others.map(([licence, names]) => `${licence}: ${names.join(", ")}`).join("\n"));
    return [...found].map(([licence, names]) => `${names.length} ${licence}`).join(", ");
  },
};
