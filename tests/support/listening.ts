/** Waits until the file GO exists, then listens at PATH; prints `listening`, or why it cannot. Arguments: PATH GO. */
import { existsSync } from "node:fs";
import { openLibc } from "../../ffi/libc.ts";
import { SIGURG } from "../../ffi/signal_numbers.ts";
import { listenUnix } from "../../ffi/unix_listener.ts";

const [path, go] = process.argv.slice(2) as [string, string];
const libc = await openLibc();
console.log("waiting");
while (!existsSync(go)) {}
try {
  listenUnix(libc, path, SIGURG);
  console.log("listening");
} catch (error) {
  console.log((error as Error).message);
}
setInterval(() => {}, 1000);
