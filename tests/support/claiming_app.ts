/**
 * An app that takes notices by file, or only says so on its page. Arguments: HOW PATH. With `answers` it does, at PATH, as an honest
 * app. With `claims` its page shows whatever path stands in the file PATH. Prints a line when it is attached, or why it is not.
 */
import { readFileSync } from "node:fs";
import { attach } from "../../attach.ts";
import { file } from "../../strategies/file/agent.ts";
import type { Strategy } from "../../strategies/strategy.ts";

const [how, path] = process.argv.slice(2) as [string, string];
const claimed: Strategy = {
  kind: "file",
  start: () => ({
    endpoint: {
      kind: "file",
      get path() {
        return readFileSync(path, "utf8");
      },
    },
    look() {},
    [Symbol.dispose]() {},
  }),
};
try {
  const strategies = [how === "claims" ? claimed : file({ path })];
  const agent = await attach({ strategies, leaseMs: 5000, onError: () => {} });
  // The page is written anew whenever a resource comes.
  setInterval(() => agent.register({ name: "again" })[Symbol.dispose](), 5);
  console.log("attached");
} catch (error) {
  console.log((error as Error).message);
}
