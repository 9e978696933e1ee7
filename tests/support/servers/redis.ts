import { join } from "node:path";
import { answersTo } from "./answers_to.ts";
import { type Server, startServer } from "./server.ts";

/** Starts a Redis that is empty and keeps nothing. It also listens at the unix socket `redis.sock` of its `directory`. */
export function startRedis(): Promise<Server> {
  return startServer({
    program: "redis-server",
    scheme: "redis",
    args: (port, directory) =>
      ["--port", String(port), "--bind", "127.0.0.1", "--dir", directory].concat([
        ...["--unixsocket", join(directory, "redis.sock")],
        ...["--save", "", "--appendonly", "no"],
      ]),
    answers: answersTo("PING\r\n"),
  });
}
