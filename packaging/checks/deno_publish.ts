import { join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { type Check, output } from "../check.ts";

/** Imports that only the running program can name: a package that is optional, and the app's own module for its GPU. */
const known = ["gpu/webgpu/bun.ts", "gpu/webgpu/local.ts"];
/** What a user of JSR gets: modules, what they read beside them, and what people read. */
const allowed =
  /^(\w+|(\w+\/)+\w+)\.(ts|sh|js|s|proto)$|^(LICENSE|deno\.json|(README|CHANGELOG|SECURITY)\.md|docs\/(resources\/)?[a-z-]+\.md)$/;
const unwanted = /^(tests|bench|examples|scripts|packaging)\//;

export const check: Check = {
  name: "deno publish --dry-run warns of nothing, and sends only what users need",
  async run({ root }) {
    // Deno says it all on the standard error.
    const deno = join(root, "node_modules/.bin/deno");
    const script = 'exec "$0" publish --dry-run --allow-dirty 2>&1';
    const said = stripVTControlCharacters(await output(["sh", "-c", script, deno], { cwd: root }));
    const warnings = said.split(/^(?=warning\[)/m).slice(1);
    const unknown = warnings.filter((text) => !known.some((file) => text.includes(`/${file}:`)));
    if (unknown.length > 0) throw new Error(unknown.join("\n"));
    const files = [...said.matchAll(/^ +file:\/\/(.*) \([\d.]+[kKM]?B\)$/gm)].map(([, path = ""]) =>
      decodeURI(path).slice(root.length + 1),
    );
    const odd = files.filter((path) => !allowed.test(path) || unwanted.test(path));
    if (odd.length > 0 || !files.includes("mod.ts")) throw new Error(`It would publish ${odd.join(", ") || "nothing"}`);
    return `${files.length} files`;
  },
};
