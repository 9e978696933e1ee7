import { chownSync } from "node:fs";
import { join } from "node:path";
import { checkoutTools, findUnpacked } from "../../../criu/places.ts";
import { startProgram } from "../child.ts";
import { freePort } from "../free_port.ts";
import { asNobody, NOBODY, noNobody } from "../nobody.ts";
import { temporaryDirectory } from "../temporary_directory.ts";

/** Why the tests with PostgreSQL, Redis and NATS cannot run; false when they can. */
export const noServers: string | false = findProgram("postgres")
  ? false
  : "the servers are not unpacked: node_modules/.bin/bun setup/test_tools.ts";

/** A server that answers. */
export interface Running {
  readonly pid: number;
  /** On 127.0.0.1. */
  readonly port: number;
  /** What clients connect to. */
  readonly url: string;
  /** All its files. */
  readonly directory: string;
}

/** A server of a test; disposal ends it and removes its files. */
export interface Server extends Running, AsyncDisposable {}

/** How a server is started. */
export interface Start {
  readonly program: "postgres" | "redis-server" | "nats-server";
  /** Fills the directory, which is empty. */
  readonly prepare?: (directory: string) => void;
  readonly args: (port: number, directory: string) => readonly string[];
  readonly scheme: string;
  /** Resolves once it answers. */
  readonly answers: (server: Running) => Promise<void>;
}

/** Starts a server, where root tests as the user `nobody`: PostgreSQL refuses to be root. It ends when this process does. */
export async function startServer({ program, prepare, args, scheme, answers }: Start): Promise<Server> {
  const files = temporaryDirectory();
  const { path: directory } = files;
  if (!noNobody) chownSync(directory, NOBODY, NOBODY);
  prepare?.(directory);
  const port = await freePort();
  const user = noNobody ? [] : asNobody;
  const command = [...user, "--pdeathsig=INT", findProgram(program) as string, ...args(port, directory)];
  const { pid, ended } = startProgram("setpriv", command, {}, "/");
  let runs = true;
  const over = ended.then(({ code, signal, stdout, stderr }) => {
    runs = false;
    return new Error(`${program} ended with ${signal ?? code}:\n${stdout}${stderr}`);
  });
  const end = async (): Promise<void> => {
    // PostgreSQL ends its other processes, which SIGKILL would leave.
    if (runs) process.kill(pid, "SIGINT");
    await over;
    files[Symbol.dispose]();
  };
  const server = { pid, port, url: `${scheme}://127.0.0.1:${port}`, directory };
  try {
    await Promise.race([answers(server), over.then((error) => Promise.reject(error))]);
  } catch (error) {
    await end();
    throw error;
  }
  return { ...server, [Symbol.asyncDispose]: end };
}

/** A program of the servers that are unpacked (setup/servers.sh). */
function findProgram(name: string): string | undefined {
  return findUnpacked(join("servers/bin", name), [checkoutTools() ?? "/nonexistent"]).path;
}
