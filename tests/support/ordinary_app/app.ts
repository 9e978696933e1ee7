/** A service as anybody would write it: it knows of checkpoints in one line only, where it attaches. */
import { writeSync } from "node:fs";
import { Cron } from "croner";
import { Hono } from "hono";
import { serve } from "./serve.ts";
import { cached, database, feed, square, upstream } from "./sources.ts";

const app = new Hono();
app.get("/user/:id", async (c) => c.json(await database(Number(c.req.param("id")))));
app.get("/cached/:key", async (c) => c.text(await cached(c.req.param("key"))));
app.get("/upstream/:n", async (c) => c.text(await upstream(c.req.param("n"))));
app.get("/square/:n", async (c) => c.text(String(await square(Number(c.req.param("n"))))));
app.get("/id", (c) => c.text(crypto.randomUUID()));
app.get("/seen", (c) => c.json({ ticks, fed: feed.count }));

let ticks = 0;
new Cron("* * * * * *", () => void ticks++);
serve(Number(process.env.PORT), app.fetch);
if (process.env.ATTACH) await import("./checkpoints.ts");
writeSync(1, `${JSON.stringify({ event: "attached" })}\n`);
