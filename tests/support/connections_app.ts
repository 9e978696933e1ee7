/** An app with clients and servers of libraries, and connections(): `{ clients, places, servers, options }`. */
import { writeSync } from "node:fs";
import { attach } from "criu-aware";
import { type ConnectionsOptions, connections, type ListenAt } from "criu-aware/resources/connections";
import { gate } from "criu-aware/resources/gate";
import { readiness } from "criu-aware/resources/readiness";
import { signal } from "criu-aware/strategies/signal";
import type { Certificate } from "./certificate.ts";
import { type Client, openClients, type Places } from "./connection_clients.ts";
import { slow, startServers } from "./connection_servers.ts";

interface Options {
  readonly clients?: readonly string[];
  readonly places?: Places;
  readonly servers?: readonly string[];
  readonly tls?: Certificate;
  /** Requests go through a gate. */
  readonly gated?: boolean;
  readonly options?: ConnectionsOptions;
  /** Added to each port afterwards. */
  readonly portPlus?: number;
  /** At SIGUSR2 posts to this port what is answered only after a while. */
  readonly post?: number;
  /** Asks all the time. */
  readonly busy?: boolean;
}

const options: Options = JSON.parse(process.argv[2] as string);
const say = (event: string, details: object = {}): void =>
  void writeSync(1, `${JSON.stringify({ event, ...details })}\n`);
process.on("unhandledRejection", (error) => say("unhandled", { error: String(error) }));
process.on("uncaughtException", (error) => say("uncaught", { error: String(error.stack) }));

const clients = options.places ? await openClients(options.clients ?? [], options.places) : new Map<string, Client>();
const work = gate();
const tls = options.tls ?? { key: "", cert: "" };
const urls = await startServers(options.servers ?? [], {
  tls,
  guard: (handler) => (options.gated ? work.wrap(handler) : handler),
});

const listenAt: ListenAt | undefined =
  options.portPlus === undefined
    ? undefined
    : ({ local }, { outcome }) => {
        say("opening", { port: local.port });
        return outcome === "restored" ? { port: (local.port as number) + (options.portPlus as number) } : undefined;
      };
const resource = connections({ ...options.options, ...(listenAt ? { listenAt } : {}) });
const agent = await attach({
  strategies: [signal()],
  resources: [
    resource,
    {
      name: "clients",
      async afterRestore({ outcome }) {
        const answers: Record<string, string> = {};
        for (const [name, { renew }] of clients) {
          // TCP connections of an app that goes on stay.
          if (outcome === "continued") continue;
          const failed = await renew?.().then(() => undefined, String);
          if (failed) answers[`${name}: renew`] = failed;
        }
        await Promise.all(
          [...clients].map(async ([name, { ask }]) => {
            const late = new Promise<string>((resolve) => setTimeout(() => resolve("no answer"), 5000));
            answers[name] = await Promise.race([ask(`${outcome} ${name}`).catch(String), late]);
          }),
        );
        say("outcome", { outcome, answers });
      },
    },
    work,
  ],
  onError: (error) => say("error", { message: error.message }),
});

/** Counts answers, wrong ones apart: what fails is cut off, and no answer. */
const load = { right: 0, failed: 0, wrong: [] as string[] };
async function ask(name: string, { ask }: Client): Promise<void> {
  for (let n = 0; ; n++) {
    const word = `${name} ${n}`;
    await ask(word).then(
      (answer) => void (answer === word ? load.right++ : load.wrong.push(`${word}: ${answer}`)),
      () => void load.failed++,
    );
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
if (options.busy) for (const [name, client] of clients) void ask(name, client);
const health = readiness(agent);
process.on("SIGWINCH", async () => {
  const list = await resource.list();
  say("tick", { load, state: agent.state, list, slow: slow.begun, reason: health.reason });
});
if (options.post) {
  const url = `http://127.0.0.1:${options.post}`;
  await (await fetch(`${url}/first`)).text();
  process.on("SIGUSR2", async () => {
    const posted = fetch(`${url}/slow`, { method: "POST", body: "once" });
    // It has left by then.
    setTimeout(() => say("posting"), 50);
    say("posted", { answer: await posted.then((response) => response.text(), String) });
  });
}
setInterval(() => {}, 1000);
say("attached", { urls });
