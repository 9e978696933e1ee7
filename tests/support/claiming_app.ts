/**
 * An app that takes notices by file, or only says so on its page. Arguments: HOW PATH, where HOW is `claims` (any path goes) or
 * `answers`, as an honest app does. Prints a line when it is attached, or why it is not.
 */
import { attach } from "../../attach.ts";
import { file } from "../../strategies/file/agent.ts";
import type { Strategy } from "../../strategies/strategy.ts";

const [how, path] = process.argv.slice(2) as [string, string];
const claimed: Strategy = {
  kind: "file",
  start: () => ({ endpoint: { kind: "file", path }, look() {}, [Symbol.dispose]() {} }),
};
try {
  await attach({ strategies: [how === "claims" ? claimed : file({ path })], leaseMs: 5, onError: () => {} });
  setInterval(() => {}, 1000);
  console.log("attached");
} catch (error) {
  console.log((error as Error).message);
}
