/**
 * A worker with a connection to a port of this machine: `{ port, again }`. Says when it is connected, and when that is closed. Without a
 * port it has a server, and says at which.
 */
import { type AddressInfo, connect, createServer } from "node:net";
import { parentPort, workerData } from "node:worker_threads";

const { port, again } = workerData as { port?: number; again: boolean };

function open(port: number): void {
  const socket = connect(port, "127.0.0.1", () => parentPort?.postMessage("connected"));
  socket
    .on("error", () => {})
    .on("close", () => {
      parentPort?.postMessage("closed");
      if (again) open(port);
    });
  socket.resume();
}

if (port) open(port);
else {
  const server = createServer((socket) => void socket.on("error", () => {}).resume());
  server.listen(0, "127.0.0.1", () => parentPort?.postMessage((server.address() as AddressInfo).port));
}
