import { connect } from "node:net";
import { sleep } from "../time.ts";
import type { Running } from "./server.ts";

const LONGEST_MS = 20_000;

/** Waits until a server says something to a client that has connected and said `word`. */
export function answersTo(word: string): (server: Running) => Promise<void> {
  return async ({ port }) => {
    for (const end = Date.now() + LONGEST_MS; !(await answers(port, word)); await sleep(5)) {
      if (Date.now() > end) throw new Error(`The server at port ${port} did not answer within ${LONGEST_MS} ms`);
    }
  };
}

async function answers(port: number, word: string): Promise<boolean> {
  const socket = connect(port, "127.0.0.1", () => socket.write(word));
  const said = await new Promise<boolean>((resolve) => {
    socket
      .once("data", () => resolve(true))
      .once("error", () => resolve(false))
      .once("close", () => resolve(false));
  });
  socket.destroy();
  return said;
}
