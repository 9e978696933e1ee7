/** Attaches with `passive()`, and has nothing more to do. */
import { attach } from "criu-aware";
import { passive } from "criu-aware/strategies/passive";

await attach({ strategies: [passive({ intervalMs: 5 })] });
console.log("attached");
