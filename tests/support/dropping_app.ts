/** Attaches as root, and claims to take notices at the file PATH; then it becomes nobody. */
import { attach } from "../../attach.ts";
import { openLibc } from "../../ffi/libc.ts";
import type { Strategy } from "../../strategies/strategy.ts";
import { NOBODY } from "./nobody.ts";

const [path] = process.argv.slice(2) as [string];
const claimed: Strategy = {
  kind: "file",
  start: () => ({ endpoint: { kind: "file", path }, look() {}, [Symbol.dispose]() {} }),
};
await attach({ strategies: [claimed] });
setInterval(() => {}, 1000);
const libc = await openLibc();
const { setresuid } = libc.runtime.dlopen(libc.soname, { setresuid: [["u32", "u32", "u32"], "i32"] });
libc.check(setresuid(NOBODY, NOBODY, NOBODY), "become nobody");
console.log("attached");
