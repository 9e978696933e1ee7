import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkoutTools } from "../../../criu/places.ts";
import { waitFor } from "../time.ts";
import { type Server, startServer } from "./server.ts";

/**
 * Starts a PostgreSQL with an empty database `postgres`, whose user `postgres` needs no password. It also listens at a unix socket: its
 * `directory` is the host of a client.
 */
export async function startPostgres(): Promise<Server> {
  const server = await startServer({
    program: "postgres",
    scheme: "postgres",
    prepare: (directory) =>
      execFileSync("cp", ["-a", "-T", join(checkoutTools() ?? "", "servers/template"), directory]),
    args: (port, directory) =>
      ["-D", directory, "-p", String(port), "-k", directory].concat(
        Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]),
      ),
    answers: ({ directory }) => waitFor("PostgreSQL", () => isReady(directory), 20_000),
  });
  return { ...server, url: `${server.url.replace("://", "://postgres@")}/postgres` };
}

/** Quick to start and to end: what it holds is worth nothing. */
const settings = {
  listen_addresses: "127.0.0.1",
  fsync: "off",
  full_page_writes: "off",
  synchronous_commit: "off",
  shared_buffers: "16MB",
  jit: "off",
};

/** It says so in its lock file, as pg_ctl(1) knows. */
function isReady(directory: string): boolean {
  try {
    return /^ready\b/m.test(readFileSync(join(directory, "postmaster.pid"), "utf8"));
  } catch {
    return false;
  }
}
