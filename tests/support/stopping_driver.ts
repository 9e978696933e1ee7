/** A driver that stops itself when the app is held, `ENGINE PID IMAGES_DIR`, and says what came of its dump once it goes on. */
import { command, rpc } from "criu-aware/driver";

const [kind, pid, imagesDir] = process.argv.slice(2) as [string, string, string];
const engine = kind === "rpc" ? rpc() : command();
const onHook = (hook: string): void => {
  if (hook !== "pre-dump") return;
  console.log("stops");
  process.kill(process.pid, "SIGSTOP");
};
const dump = engine.dump({ pid: Number(pid), imagesDir, leaseMs: 300, onHook });
console.log(await dump.then(() => "dumped", String));
