/**
 * The process under measurement: notes in shared memory when a notice arrives. Each way is the whole program:
 * `receiver.ts WAY SHARED DIRECTORY`.
 */
import { watch } from "node:fs";
import { join } from "node:path";
import { attach, type Strategy } from "criu-aware";
import { file } from "criu-aware/strategies/file";
import { signal } from "criu-aware/strategies/signal";
import { socket } from "criu-aware/strategies/socket";
import { createClock } from "../../ffi/clock.ts";
import { openLibc } from "../../ffi/libc.ts";
import { openShared } from "../../ffi/shared_memory.ts";
import { type Arrivals, viewArrivals } from "./arrivals.ts";

const [way = "", shared = "", directory = ""] = process.argv.slice(2);
const libc = await openLibc();
const now = createClock(libc);
const arrivals: Arrivals = viewArrivals(openShared(libc, shared, 4096).buffer);
const arrived = (): void => arrivals.note(now());
const path = join(directory, "socket");

const strategies: Record<string, () => Strategy> = {
  signal: () => signal(),
  held: () => signal(),
  file: () => file({ path: join(directory, "marker") }),
  socket: () => socket({ path }),
};

const ownBun: Record<string, () => void> = {
  "own signal": () => void process.on("SIGUSR2", arrived),
  "own watcher": () => void watch(directory, arrived),
  "own socket": () => void Bun.listen({ unix: path, socket: { data: arrived } }),
};

const ownDeno: Record<string, () => void> = {
  "own signal": () => Deno.addSignalListener("SIGUSR2", arrived),
  "own watcher": async () => {
    for await (const _event of Deno.watchFs(directory)) arrived();
  },
  "own socket": async () => {
    for await (const connection of Deno.listen({ transport: "unix", path })) void readAll(connection);
  },
};

async function readAll(connection: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(4096);
  while ((await connection.read(buffer)) !== null) arrived();
}

const strategy = strategies[way]?.();
if (strategy) {
  const agent = await attach({ strategies: [strategy] });
  agent.register(
    way === "held"
      ? { name: "bench", tier: "runtime", afterRestore: arrived }
      : { name: "bench", beforeCheckpoint: arrived },
  );
} else {
  (libc.runtime.name === "bun" ? ownBun : ownDeno)[way]?.();
}
setInterval(() => {}, 1000);
arrivals.note(now());
