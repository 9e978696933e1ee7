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
import { watchDirectory } from "../../ffi/inotify.ts";
import { openLibc } from "../../ffi/libc.ts";
import { openShared } from "../../ffi/shared_memory.ts";
import { type Arrivals, viewArrivals } from "./arrivals.ts";

const WAKE = ", wake alone";
const [way = "", shared = "", directory = ""] = process.argv.slice(2);
const libc = await openLibc();
const now = createClock(libc);
const arrivals: Arrivals = viewArrivals(openShared(libc, shared, 4096).buffer);
const arrived = (): void => arrivals.note(now());
const path = join(directory, "socket");

const strategies: Record<string, () => Strategy> = {
  signal: () => signal({ bareLeaseMs: 5_000 }),
  "signal with a notice": () => signal(),
  [`signal${WAKE}`]: () => wakeAlone(signal({ bareLeaseMs: 5_000 })),
  held: () => signal(),
  file: () => file({ path: join(directory, "marker") }),
  socket: () => socket({ path }),
  [`socket${WAKE}`]: () => wakeAlone(socket({ path })),
};

/** Notes when the doorbell rings, before anything looks at why: no strategy can be faster than that. */
function wakeAlone(strategy: Strategy): Strategy {
  return {
    ...strategy,
    start(agent) {
      const listener = strategy.start(agent);
      let seen = agent.doorbell.sequence;
      return {
        ...listener,
        look() {
          // Not the driver's kick, and not the look after a round.
          const isNotice = agent.doorbell.sequence !== seen && agent.page.fields.get("state") === 0;
          const isWake = agent.page.fields.get("signalsSent") !== sentBefore;
          sentBefore = agent.page.fields.get("signalsSent");
          seen = agent.doorbell.sequence;
          if (isNotice && !isWake) arrived();
          listener.look();
        },
      };
    },
  };
}
let sentBefore = 0;

type Listen = (onNotice: () => void) => void;

/** Calls back when our watch of the directory wakes, before anybody reads the marker. */
const fileWake: Record<string, Listen> = {
  [`file${WAKE}`]: (onNotice) => void watchDirectory(libc, directory, onNotice),
};

/** Calls back by what the runtime itself has. */
const ownBun: Record<string, Listen> = {
  "own signal": (onNotice) => void process.on("SIGUSR2", onNotice),
  "own watcher": (onNotice) => void watch(directory, onNotice),
  "own socket": (onNotice) => void Bun.listen({ unix: path, socket: { data: onNotice } }),
};

const ownDeno: Record<string, Listen> = {
  "own signal": (onNotice) => Deno.addSignalListener("SIGUSR2", onNotice),
  "own watcher": async (onNotice) => {
    for await (const _event of Deno.watchFs(directory)) onNotice();
  },
  "own socket": async (onNotice) => {
    for await (const connection of Deno.listen({ transport: "unix", path })) void readAll(connection, onNotice);
  },
};

async function readAll(connection: Deno.Conn, onNotice: () => void): Promise<void> {
  const buffer = new Uint8Array(4096);
  while ((await connection.read(buffer)) !== null) onNotice();
}

/**
 * The same agent, told by the runtime's own means: the first line of the listener counts, and then the same round follows, so
 * that both kinds of receivers come to the next notice out of the same work.
 */
function own(way: string): Strategy {
  const listen = { ...(libc.runtime.name === "bun" ? ownBun : ownDeno), ...fileWake }[way] as Listen;
  return {
    kind: way,
    start({ deliver }) {
      const ready = (): void => {
        arrivals.busy = false;
      };
      listen(() => {
        // A watcher tells of one file several times.
        if (arrivals.busy) return;
        arrivals.busy = true;
        arrived();
        deliver({ id: crypto.randomUUID() }, { reply() {}, outcome: () => setTimeout(ready, 1) });
      });
      return { endpoint: { kind: way }, look() {}, [Symbol.dispose]() {} };
    },
  };
}

const strategy = strategies[way]?.() ?? own(way);
const agent = await attach({ strategies: [strategy] });
if (way === "held") agent.register({ name: "bench", tier: "runtime", afterRestore: arrived });
else agent.register({ name: "bench", beforeCheckpoint: way in strategies && !way.endsWith(WAKE) ? arrived : () => {} });
setInterval(() => {}, 1000);
arrivals.note(now());
