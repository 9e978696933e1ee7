/** Listens on a unix socket, and says so and every connection. */
import { createServer } from "node:net";

const server = createServer(() => console.log("accepted"));
server.listen(process.argv[2], () => console.log("listening"));
