/** A worker with a connection to a port of this machine: `{ port, again, joins }`. Says when it is connected, and when that is closed. */
import { connect } from "node:net";
import { parentPort, workerData } from "node:worker_threads";
import { joinWorker } from "criu-aware/worker";

const { port, again, joins } = workerData as { port: number; again: boolean; joins?: boolean };
if (joins) await joinWorker();

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
