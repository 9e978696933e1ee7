/** All that the service knows of checkpoints. */
import { attach } from "criu-aware";
import { signal } from "criu-aware/strategies/signal";

await attach({ strategies: [signal()] });
