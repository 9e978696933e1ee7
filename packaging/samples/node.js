// In Node.js: attach() is refused, and says where it works.
import { attach, UnsupportedPlatformError } from "criu-aware";
import { signal } from "criu-aware/strategies/signal";

const refusal = await attach({ strategies: [signal()] }).catch((error) => error);
if (!(refusal instanceof UnsupportedPlatformError)) throw new Error("attach() was not refused", { cause: refusal });
for (const word of ["Bun", "Deno", "criu-aware/simulate"])
  if (!refusal.message.includes(word)) throw new Error(`attach() does not name ${word}: ${refusal.message}`);
