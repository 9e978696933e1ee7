/** An app that is dumped and restored, and on SIGUSR2 asks for its own dump. What it says goes to its log, a line at a time. */
import { attach } from "criu-aware";
import { checkpoint } from "criu-aware/driver";
import { signal } from "criu-aware/strategies/signal";

const agent = await attach({ strategies: [signal()] });
agent.register({
  name: "log",
  afterRestore: ({ outcome, simulated }) => console.log(simulated ? "simulated" : outcome),
});
process.on("SIGUSR2", async () => {
  const { outcome } = await checkpoint(agent, { imagesDir: `own-images-${process.pid}`, leaveRunning: true });
  console.log(`asked for it: ${outcome}`);
});
setInterval(() => {}, 1000);
