/** A driver that kills itself: `ENGINE dump|restore PID IMAGES_DIR MOMENT`, where MOMENT is a phase of ours or a hook of CRIU's. */
import { command, rpc } from "criu-aware/driver";

const [kind, operation, pid, imagesDir, moment] = process.argv.slice(2) as [string, string, string, string, string];
const engine = kind === "rpc" ? rpc() : command();
const die = (at: string): void => {
  if (at === moment) process.kill(process.pid, "SIGKILL");
};
const options = { imagesDir, onPhase: ({ name }: { name: string }) => die(name), onHook: die };
if (operation === "dump") await engine.dump({ ...options, pid: Number(pid), leaseMs: 60_000 });
else await engine.restore(options);
