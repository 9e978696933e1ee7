import { publint } from "publint";
import { formatMessage } from "publint/utils";
import type { Check } from "../check.ts";

export const check: Check = {
  name: "publint finds nothing",
  async run({ folder }) {
    const { messages, pkg } = await publint({ pkgDir: folder, strict: true, pack: false });
    if (messages.length === 0) return undefined;
    throw new Error(messages.map((message) => formatMessage(message, pkg, { color: false })).join("\n"));
  },
};
