import { readFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { type Check, output } from "../check.ts";

export const check: Check = {
  name: "deno doc --lint finds nothing in any entry point",
  async run({ root }) {
    const { exports } = JSON.parse(readFileSync(join(root, "deno.json"), "utf8"));
    const entries = Object.values(exports) as string[];
    const deno = join(root, "node_modules/.bin/deno");
    try {
      await output([deno, "doc", "--lint", "--quiet", ...entries], { cwd: root });
    } catch (error) {
      const errors = stripVTControlCharacters((error as Error).message)
        .split(/^(?=error\[)/m)
        .slice(1);
      throw new Error(`${errors.length} errors:\n${errors.slice(0, 20).join("")}`);
    }
    return `${entries.length} entry points`;
  },
};
