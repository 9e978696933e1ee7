/** The app that the tests with CRIU dump: what it does is told by options in JSON, what happens to it by events in JSON. */
import { spawn } from "node:child_process";
import { writeSync } from "node:fs";
import { join } from "node:path";
import { attach, type Resource, type Strategy } from "criu-aware";
import { listAttached } from "criu-aware/driver";
import { file } from "criu-aware/strategies/file";
import { passive } from "criu-aware/strategies/passive";
import { signal } from "criu-aware/strategies/signal";
import { socket } from "criu-aware/strategies/socket";
import { cString } from "../../ffi/bytes.ts";
import { fileCalls } from "../../ffi/files.ts";
import { openLibc } from "../../ffi/libc.ts";
import { dumpableEnv, type RuntimeName, runCommand } from "./runtimes.ts";

const O_RDWR_CREAT = 0o102;
const LOCK_EX = 2;

type Behaviour = "fails" | "hangs" | "waits" | "exits";

interface Options {
  readonly directory: string;
  readonly strategies?: readonly string[];
  /** Resources by name; `does` is what their beforeCheckpoint does, `recovers` their afterRestore. */
  readonly resources?: readonly { readonly name: string; readonly does?: Behaviour; readonly recovers?: Behaviour }[];
  /** Runs a 1 ms interval and a busy promise loop. */
  readonly busy?: boolean;
  readonly leaseMs?: number;
  readonly onRestoreError?: "exit";
  readonly signal?: `SIG${string}`;
  readonly bareLeaseMs?: number;
  /** Starts attached children in these runtimes; `childDoes` is what their resource does. */
  readonly children?: readonly RuntimeName[];
  readonly childDoes?: "fails";
  /** What the children run. @default this script */
  readonly childScript?: string;
  /** Holds a file lock, which CRIU does not dump unasked. */
  readonly lock?: boolean;
}

const options: Options = JSON.parse(process.argv[2] as string);
const say = (event: string, details: object = {}): void =>
  void writeSync(1, `${JSON.stringify({ event, at: Date.now(), ...details })}\n`);

const counters = { interval: 0, promise: 0 };

/** Notes the counters at the very moment of the answer. */
function observed(strategy: Strategy): Strategy {
  return {
    ...strategy,
    start: (agent) =>
      strategy.start({
        ...agent,
        deliver: (notice, caller) =>
          agent.deliver(notice, {
            ...caller,
            reply(reply) {
              caller.reply(reply);
              atReply = { ...counters };
            },
          }),
      }),
  };
}
let atReply = { ...counters };

const available: Record<string, () => Strategy> = {
  signal: () => signal({ signal: options.signal ?? "SIGURG", ...(bareLeaseMs ? { bareLeaseMs } : {}) }),
  file: () => file({ path: join(options.directory, "marker") }),
  socket: () => socket({ path: join(options.directory, "socket") }),
  passive: () => passive({ intervalMs: 5 }),
};
const { bareLeaseMs } = options;
const { strategies = ["signal"], resources = [{ name: "plain" }] } = options;
const agent = await attach({
  strategies: strategies.map((name) => observed((available[name] as () => Strategy)())),
  ...(options.leaseMs === undefined ? {} : { leaseMs: options.leaseMs }),
  ...(options.onRestoreError ? { onRestoreError: options.onRestoreError } : {}),
  onError: (error) => say("error", { message: error.message }),
});

const behaviours: Record<Behaviour, () => void | Promise<void>> = {
  exits: () => process.exit(3),
  fails: () => {
    throw new Error("the probe was told to fail");
  },
  hangs: () => new Promise<void>(() => {}),
  waits: () => new Promise<void>((resolve) => setTimeout(resolve, 300)),
};
for (const { name, does, recovers } of resources) {
  const resource: Resource = {
    name,
    beforeCheckpoint: () => {
      say("before", { name });
      return does && behaviours[does]();
    },
    afterRestore: ({ outcome, generation }) => {
      say("after", { name, outcome, generation });
      return recovers && behaviours[recovers]();
    },
  };
  agent.register(resource);
}
agent.register({
  name: "observer",
  tier: "runtime",
  afterRestore: ({ outcome }) =>
    say("released", {
      outcome,
      intervalWhileHeld: counters.interval - atReply.interval,
      promiseWhileHeld: counters.promise - atReply.promise,
    }),
});

process.on("SIGWINCH", () => say("tick", { state: agent.state, generation: agent.generation }));
if (options.lock) {
  const libc = await openLibc();
  const file = libc.check(fileCalls(libc).open(cString(join(options.directory, "lock")), O_RDWR_CREAT, 0o600), "open");
  libc.check(fileCalls(libc).flock(file, LOCK_EX), "lock");
}
setInterval(() => counters.interval++, options.busy ? 1 : 1000);
if (options.busy) void spin();
say("attached", { pid: process.pid });
if (options.children) void startFamily(options.children);

async function startFamily(names: readonly RuntimeName[]): Promise<void> {
  const children = names.map((name) => {
    const does = options.childDoes ? { does: options.childDoes } : {};
    const childOptions = JSON.stringify({ directory: options.directory, resources: [{ name: "child", ...does }] });
    const script = join(import.meta.dirname as string, options.childScript ?? "probe_app.ts");
    const [program, ...args] = [...runCommand[name], script, childOptions] as string[];
    return spawn(program as string, args, { stdio: "ignore", env: { ...process.env, ...dumpableEnv } }).pid as number;
  });
  for (let ready: number[] = []; ready.length < children.length; ) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    ready = (await listAttached()).map(({ pid }) => pid).filter((pid) => children.includes(pid));
  }
  say("family", { children });
}

async function spin(): Promise<void> {
  for (;;) {
    for (let i = 0; i < 100; i++) {
      await null;
      counters.promise++;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}
