/** The app that every fault meets: its hooks do what the options say, as long as the file `armed` lies in its directory. */
import { existsSync, readdirSync, readFileSync, readlinkSync, writeSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { attach } from "criu-aware";
import { file } from "criu-aware/strategies/file";
import { signal } from "criu-aware/strategies/signal";
import { socket } from "criu-aware/strategies/socket";
import { openLibc } from "../../ffi/libc.ts";
import { openShared } from "../../ffi/shared_memory.ts";
import { PAGE_LINK } from "../../page/layout.ts";
import type { AppOptions, Deed } from "./app_options.ts";

const options: AppOptions = JSON.parse(process.argv[2] as string);
const { directory, place, strategy, does = {}, leaseMs, hookTimeoutMs, onSignal } = options;
const say = (event: string, details: object = {}): void =>
  void writeSync(1, `${JSON.stringify({ event, ...details })}\n`);
const libc = await openLibc();

const deeds: Record<Deed, () => unknown> = {
  waits: async () => {
    while (isArmed()) await new Promise((resolve) => setTimeout(resolve, 10));
  },
  hangs: () => new Promise(() => {}),
  throws: () => {
    throw new Error("this fault throws");
  },
  exits: () => process.exit(3),
  blocks: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2_500),
  "attaches a copy": async () => {
    const other = await import(join(options.copy as string, "attach.ts"));
    await other.attach({ strategies: [] }).then(
      () => say("copy", { error: "" }),
      (error: Error) => say("copy", { error: error.message }),
    );
  },
  "closes its page": () => {
    const own = readdirSync("/proc/self/fd").filter((fd) => linkOf(fd) === PAGE_LINK);
    for (const fd of own) libc.close(Number(fd));
  },
  "unmaps its page": () => {
    for (const line of readFileSync("/proc/self/maps", "utf8").split("\n")) {
      if (!line.includes(PAGE_LINK)) continue;
      const [start, end] = (line.split(" ")[0] as string).split("-").map((text) => BigInt(`0x${text}`)) as [
        bigint,
        bigint,
      ];
      libc.munmap(start, Number(end - start));
    }
  },
};

function isArmed(): boolean {
  return existsSync(join(directory, "armed"));
}

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    return "";
  }
}

const strategies = { signal: () => signal(), file: () => file({ path: place }), socket: () => socket({ path: place }) };
const agent = await attach({
  strategies: [strategies[strategy as keyof typeof strategies]()],
  ...(leaseMs === undefined ? {} : { leaseMs }),
  ...(hookTimeoutMs === undefined ? {} : { hookTimeoutMs }),
  onError: (error) => say("error", { message: error.message }),
});
/** What a hook is to do. To be asked before anything is said: whoever hears it may take the fault away. */
const deedOf = (hook: keyof typeof does): (() => unknown) | undefined => {
  const deed = does[hook];
  return deed && isArmed() ? deeds[deed] : undefined;
};
agent.register({
  name: "faulty",
  beforeCheckpoint({ noticeId }) {
    const deed = deedOf("beforeCheckpoint");
    say("before", { noticeId });
    return deed?.() as Promise<void>;
  },
  beforeHold: () => deedOf("beforeHold")?.() as undefined,
  afterRestore({ outcome, noticeId }) {
    const deed = deedOf("afterRestore");
    say("after", { outcome, noticeId });
    return deed?.() as Promise<void>;
  },
});
if (options.memory) openShared(libc, options.memory, 4096);
const filler = new Uint8Array(options.bytes ?? 0);
for (let at = 0; at < filler.length; at += 65_536) crypto.getRandomValues(filler.subarray(at, at + 65_536));

process.on("SIGWINCH", () => say("tick", { state: agent.state, generation: agent.generation, bytes: filler.length }));
process.on("SIGUSR2", async () => {
  await deeds[onSignal as Deed]();
  say("done");
});
setInterval(() => {}, 1000);
say("attached");
