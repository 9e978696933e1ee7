/**
 * An app that can be made to look like a copy while it is held: it has left its time namespace to its children, and whoever writes other offsets
 * into its timens_offsets changes a sign of a restore (time_namespaces(7)). Takes root.
 */
import { attach } from "../../attach.ts";
import { openLibc } from "../../ffi/libc.ts";
import { signal } from "../../strategies/signal/agent.ts";

const CLONE_NEWTIME = 0x80;
const libc = await openLibc();
const { unshare } = libc.runtime.dlopen(libc.soname, { unshare: [["i32"], "i32"] });
libc.check(unshare(CLONE_NEWTIME), "leave the time namespace");
const agent = await attach({ strategies: [signal()], leaseMs: 60_000 });
agent.register({ name: "told", afterRestore: ({ outcome }) => console.log(outcome) });
console.log("attached");
setInterval(() => {}, 1000);
