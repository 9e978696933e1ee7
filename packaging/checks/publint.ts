import { publint } from "publint";
import { formatMessage } from "publint/utils";
import type { Check } from "../check.ts";

export const check: Check = {
  name: "publint finds nothing",
  async run({ folder }) {
    const { messages, pkg } = await publint({ pkgDir: folder, strict: true, pack: false });
    // It would have the field "browser" in "imports", where the modules of Node.js cannot be named.
    const wrong = messages.filter(({ code }) => code !== "USE_EXPORTS_OR_IMPORTS_BROWSER");
    if (wrong.length === 0) return undefined;
    throw new Error(wrong.map((message) => formatMessage(message, pkg, { color: false })).join("\n"));
  },
};
