/** Maps descriptor FD of process PID, sets its first word and wakes who waits for it. Arguments: PID FD. */
import { cString } from "../../ffi/bytes.ts";
import { fileCalls } from "../../ffi/files.ts";
import { wakeFutex } from "../../ffi/futex.ts";
import { openLibc } from "../../ffi/libc.ts";
import { claim } from "../../ffi/shared_memory.ts";

const [pid, descriptor] = process.argv.slice(2);
const libc = await openLibc();
const path = `/proc/${pid}/fd/${descriptor}`;
using memory = claim(libc, libc.check(fileCalls(libc).open(cString(path), 2, 0), `open ${path}`), 4096, () => {});
console.log("ready");
await new Promise((resolve) => setTimeout(resolve, 100));
Atomics.store(new Int32Array(memory.buffer), 0, 1);
wakeFutex(libc, memory.address);
