/** An app with clients and servers of libraries, and connections(): `{ clients, places, servers, options }`. */
import { writeSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { attach } from "criu-aware";
import { type ConnectionsOptions, connections, type ListenAt } from "criu-aware/resources/connections";
import { signal } from "criu-aware/strategies/signal";
import { type Client, openClients, type Places } from "./connection_clients.ts";

interface Options {
  readonly clients?: readonly string[];
  readonly places?: Places;
  readonly servers?: readonly string[];
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

let served = 0;
const body = (): string => `served ${++served}`;
const serve: Readonly<Record<string, () => Promise<number>>> = {
  "Bun.serve": async () =>
    Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(body()) }).port as number,
  "Deno.serve": async () =>
    Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, () => new Response(body())).addr.port,
  "node:http": () =>
    new Promise((resolve) => {
      const server = createServer((_, response) => response.end(body())).listen(0, "127.0.0.1", () =>
        resolve((server.address() as { port: number }).port),
      );
    }),
  "node:net": () =>
    new Promise((resolve) => {
      const server = createTcpServer((socket) => {
        socket.on("error", () => {});
        socket.once("data", () => socket.end(`HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n${body()}`));
      }).listen(0, "127.0.0.1", () => resolve((server.address() as { port: number }).port));
    }),
};

const clients = options.places ? await openClients(options.clients ?? [], options.places) : new Map<string, Client>();
const ports: Record<string, number> = {};
for (const name of options.servers ?? []) ports[name] = await (serve[name] as () => Promise<number>)();

const listenAt: ListenAt | undefined =
  options.portPlus === undefined
    ? undefined
    : ({ local }, { outcome }) =>
        outcome === "restored" ? { port: (local.port as number) + (options.portPlus as number) } : undefined;
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
process.on("SIGWINCH", () => void resource.list().then((list) => say("tick", { load, state: agent.state, list })));
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
say("attached", { ports });
