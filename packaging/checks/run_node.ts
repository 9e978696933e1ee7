import { type Check, output } from "../check.ts";
import { copySamples, entryPoints, install } from "../project.ts";

export const check: Check = {
  name: "Node.js: every entry point is imported, attach() says where it works, simulate",
  async run(packed) {
    const { directory, folder } = packed;
    await install(packed);
    copySamples(packed, "imports.js", "node.js", "simulated.js");
    await output(["node", "imports.js", ...entryPoints(folder)], { cwd: directory });
    await output(["node", "node.js"], { cwd: directory });
    await output(["node", "simulated.js"], { cwd: directory });
    return await output(["node", "-p", "process.version"], { cwd: directory }).then((version) => version.trim());
  },
};
