/** A worker that sends SIGURG to every other thread of its process but the main one, without a pause. */
import { readdirSync } from "node:fs";
import { isArm64 } from "../../ffi/arm64.ts";
import { openLibc } from "../../ffi/libc.ts";
import { SIGURG } from "../../ffi/signal_numbers.ts";
import { threadId } from "./process_id.ts";

declare const self: Worker;

// asm/unistd_64.h (x86-64), asm-generic/unistd.h (aarch64)
const SYS_TGKILL = isArm64 ? 131 : 234;
/** As often as threads are looked up. */
const SENT = 1000;

const libc = await openLibc();
const [process, own] = [libc.getpid(), threadId()];
self.postMessage("begun");
for (;;) {
  const threads = readdirSync("/proc/self/task").map(Number);
  const others = threads.filter((thread) => thread !== process && thread !== own);
  for (let sent = 0; sent < SENT; sent++) {
    for (const thread of others) libc.syscall(SYS_TGKILL, process, thread, SIGURG, 0, 0, 0);
  }
}
