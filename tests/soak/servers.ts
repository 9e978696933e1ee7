/** What the app is a client of, by HTTP and WebSocket: says its port, and repeats what it is told until it is ended or its parent has. */
import { writeSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";
import { endWithParent } from "./end_with_parent.ts";

endWithParent();
const server = createServer((request, response) => response.end(decodeURIComponent(request.url?.slice(1) ?? "")));
// What is idle stays open: the app has something to let go of.
server.keepAliveTimeout = 600_000;
new WebSocketServer({ server }).on("connection", (socket) => {
  socket.on("message", (data) => socket.send(String(data)));
  socket.on("error", () => {});
});
server.listen(0, "127.0.0.1", () => {
  writeSync(1, `${JSON.stringify({ port: (server.address() as AddressInfo).port })}\n`);
});
