/** A worker with a connection to a port of this machine: `{ port, again }`. Says when it is connected, and when that is closed. */
import { connect } from "node:net";
import { parentPort, workerData } from "node:worker_threads";

const { port, again } = workerData as { port: number; again: boolean };

function open(): void {
  const socket = connect(port, "127.0.0.1", () => parentPort?.postMessage("connected"));
  socket
    .on("error", () => {})
    .on("close", () => {
      parentPort?.postMessage("closed");
      if (again) open();
    });
  socket.resume();
}
open();
