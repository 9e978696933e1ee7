import { type Check, output } from "../check.ts";
import { tool } from "../project.ts";

export const check: Check = {
  name: "arethetypeswrong finds nothing, for ES modules",
  async run({ tarball, root, directory }) {
    await output([tool(root, "attw"), tarball, "--profile", "esm-only", "--format", "ascii"], { cwd: directory });
    return undefined;
  },
};
