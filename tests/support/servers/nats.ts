import { answersTo } from "./answers_to.ts";
import { type Server, startServer } from "./server.ts";

/** Starts a NATS server. */
export function startNats(): Promise<Server> {
  return startServer({
    program: "nats-server",
    scheme: "nats",
    args: (port) => ["--addr", "127.0.0.1", "--port", String(port)],
    answers: answersTo(""),
  });
}
