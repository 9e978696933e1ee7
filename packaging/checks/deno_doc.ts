import { readFileSync } from "node:fs";
import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { type Check, output } from "../check.ts";
import { tool } from "../project.ts";

export const check: Check = {
  name: "deno doc --lint: every public member of every entry point is documented, every type it names is public",
  async run({ root }) {
    const { exports } = JSON.parse(readFileSync(join(root, "deno.json"), "utf8"));
    const entries = Object.values<string>(exports);
    await output([tool(root, "deno"), "doc", "--lint", ...entries], { cwd: root }).catch((error: Error) => {
      // The rest is what it fails to resolve in @types/node, and how it ended.
      const found = stripVTControlCharacters(error.message).match(/^error\[[\s\S]*^error: .*$/m);
      throw found ? new Error(found[0]) : error;
    });
    return `${entries.length} entry points`;
  },
};
