/** Makes a time namespace for its children, as unshare(1) does, and prints whether `passive()` takes that for a restore. */
import { writeFileSync } from "node:fs";
import { attach } from "criu-aware";
import { passive } from "criu-aware/strategies/passive";
import { openLibc } from "../../ffi/libc.ts";
import { timeOffsets } from "../../ffi/process.ts";

const CLONE_NEWTIME = 0x80;

const restores = passive({ intervalMs: Number.POSITIVE_INFINITY });
const agent = await attach({ strategies: [restores] });
const before = timeOffsets();
const libc = await openLibc();
const { unshare } = libc.runtime.dlopen(libc.soname, { unshare: [["i32"], "i32"] });
libc.check(unshare(CLONE_NEWTIME), "make a time namespace");
writeFileSync("/proc/self/timens_offsets", "monotonic 100 0\nboottime 100 0\n");
const offsetsChanged = timeOffsets() !== before;
console.log(JSON.stringify({ offsetsChanged, checked: restores.check(), generation: agent.generation }));
