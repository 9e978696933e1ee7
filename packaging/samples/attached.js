// In any version of a runtime: attaches by all strategies, and says how that went.
import { attach } from "criu-aware";
import { file } from "criu-aware/strategies/file";
import { signal } from "criu-aware/strategies/signal";
import { socket } from "criu-aware/strategies/socket";

try {
  const agent = await attach({ strategies: [signal(), file({ path: "marker" }), socket({ path: "socket" })] });
  console.log(agent.state);
} catch (error) {
  console.log(error.name, error.message);
}
process.exit();
