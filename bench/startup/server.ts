/**
 * A service as there are many: routes, a validator, queries, a cache that is filled at the start. It is attached, and goes through a dump as
 * it is.
 */
import { attach } from "criu-aware";
import { trim } from "criu-aware/resources/trim";
import { signal } from "criu-aware/strategies/signal";
import { eq } from "drizzle-orm";
import { integer, pgTable, text } from "drizzle-orm/pg-core";
import { drizzle } from "drizzle-orm/pg-proxy";
import { Hono } from "hono";
import { z } from "zod";

/** What the server is told, as JSON in its first argument. */
export interface ServerOptions {
  readonly port: number;
  /** How many records are validated at the start, and kept. */
  readonly records: number;
  /** How often the route is called before it listens: for a dump, so that its code is compiled. */
  readonly warmUps: number;
  /** Whether memory that nobody needs is given back before a dump. */
  readonly trim: boolean;
}

/** When each part of a start was done, in milliseconds since the process was started. */
export interface Times {
  readonly loaded: number;
  readonly filled: number;
  readonly listening: number;
}

const Order = z.object({
  id: z.number().int().nonnegative(),
  customer: z.string().min(3).max(40),
  email: z.email(),
  lines: z.array(z.object({ sku: z.string().regex(/^[A-Z]{2}-\d+$/), count: z.number().int().positive() })).min(1),
});
const Parameters = z.object({ id: z.coerce.number().int().nonnegative() });

const orders = pgTable("orders", { id: integer("id").primaryKey(), customer: text("customer"), email: text("email") });
const database = drizzle(async () => ({ rows: [] }));

/** Starts the server. `total` is that of the generated modules. */
export async function serve(total: () => number): Promise<void> {
  const options = JSON.parse(process.argv[2] as string) as ServerOptions;
  const loaded = performance.now();
  const cache = new Map<number, z.infer<typeof Order>>();
  for (let id = 0; id < options.records; id++) cache.set(id, Order.parse(recordOf(id)));
  const filled = performance.now();

  const app = new Hono();
  let times: Times = { loaded, filled, listening: 0 };
  app.get("/times", (context) => context.json(times));
  app.get("/orders/:id", (context) => {
    const { id } = Parameters.parse(context.req.param());
    const { sql } = database.select().from(orders).where(eq(orders.id, id)).toSQL();
    const order = cache.get(id);
    return context.json({ order: order && Order.parse(order), columns: sql.split(",").length, total: total() });
  });
  for (let i = 0; i < options.warmUps; i++) await (await app.request(`/orders/${i % options.records}`)).text();

  const agent = await attach({ strategies: [signal()] });
  if (options.trim) agent.register(trim());
  const listen = { port: options.port, hostname: "127.0.0.1" };
  if ("Deno" in globalThis) Deno.serve({ ...listen, onListen() {} }, app.fetch);
  else Bun.serve({ ...listen, fetch: app.fetch });
  times = { loaded, filled, listening: performance.now() };
}

function recordOf(id: number): unknown {
  return {
    id,
    customer: `customer ${id}`,
    email: `customer${id}@example.org`,
    lines: Array.from({ length: 1 + (id % 4) }, (_, i) => ({ sku: `AB-${id + i}`, count: i + 1 })),
  };
}
