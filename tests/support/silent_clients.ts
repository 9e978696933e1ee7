/** Connects COUNT times to the socket at PATH, and says nothing; prints a line when all that could be are connected. */
import { connect } from "node:net";

const [path, count] = process.argv.slice(2) as [string, string];
const settled = Array.from(
  { length: Number(count) },
  () =>
    new Promise<void>((resolve) => {
      const client = connect(path, resolve);
      client.on("error", () => resolve());
      client.on("close", () => resolve());
    }),
);
setInterval(() => {}, 1000);
await Promise.all(settled);
console.log("connected");
