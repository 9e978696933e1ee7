/** Type-checks, and is never run: each line after @ts-expect-error must be an error. */
import { Hono } from "hono";
import { gate } from "../../resources/gate/mod.ts";
import { secrets } from "../../resources/secrets/mod.ts";

const work = gate();
const app = new Hono();

export const servers: object[] = [
  Bun.serve({ fetch: work.wrap((request) => new Response(request.url)) }),
  Bun.serve({
    fetch: work.wrap((request: Request, server: Bun.Server<undefined>) =>
      server.upgrade(request) ? undefined : new Response("no"),
    ),
    websocket: { message() {} },
  }),
  Bun.serve({
    routes: { "/orders/:id": work.wrap((request: Bun.BunRequest<"/orders/:id">) => new Response(request.params.id)) },
  }),
  Bun.serve({ fetch: work.wrap(app.fetch) }),
  Deno.serve(work.wrap((request: Request, info: Deno.ServeHandlerInfo) => new Response(request.url + info.remoteAddr))),
  Deno.serve(work.wrap(app.fetch)),
];

export async function enters(): Promise<number> {
  using _ = work.enter();
  using pass = await work.enter({ signal: AbortSignal.timeout(1) });
  using _part = work.enter({ within: pass });
  // @ts-expect-error: nobody is inside before it is entered
  using _none = work;
  return await work.run(() => 1);
}

export async function keeps(): Promise<number> {
  const keys = secrets({ names: ["a", "b"], fetch: async (name: "a" | "b") => new Uint8Array(name.length) });
  // @ts-expect-error: there is no such secret
  keys.get("c");
  // @ts-expect-error: a string cannot be erased
  secrets({ names: ["a"], fetch: () => "word" });
  return await keys.use("a", async (bytes) => bytes.length);
}
