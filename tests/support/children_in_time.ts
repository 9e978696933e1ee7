/** Makes a time namespace for its children, as unshare(1) does, and prints what its own signs of a restore say then. */
import { writeFileSync } from "node:fs";
import { openLibc } from "../../ffi/libc.ts";
import { isAnotherLife, restoreSigns } from "../../ffi/restore_signs.ts";

const CLONE_NEWTIME = 0x80;

const before = restoreSigns();
const libc = await openLibc();
const { unshare } = libc.runtime.dlopen(libc.soname, { unshare: [["i32"], "i32"] });
libc.check(unshare(CLONE_NEWTIME), "make a time namespace");
writeFileSync("/proc/self/timens_offsets", "monotonic 100 0\nboottime 100 0\n");
const offsetsChanged = restoreSigns().timeOffsets !== before.timeOffsets;
console.log(JSON.stringify({ offsetsChanged, another: isAnotherLife(before) }));
