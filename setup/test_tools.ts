/** Unpacks in this checkout what only tests need, if it is not there yet: strace(1), and the servers that clients connect to. */
import { checkoutTools, findUnpacked } from "../criu/places.ts";
import { onPath } from "../ffi/on_path.ts";
import { install, openPrefix } from "./install.ts";
import type { Tool } from "./tools.ts";

const straceTool: Tool = { name: "strace", title: "strace", script: new URL("./strace.sh", import.meta.url) };
const serversTool: Tool = {
  name: "servers",
  title: "PostgreSQL, Redis and NATS",
  script: new URL("./servers.sh", import.meta.url),
};

const tools = checkoutTools();
if (tools !== undefined) {
  const isThere = (file: string): boolean => findUnpacked(file, [tools]).path !== undefined;
  const missing = [
    ...(onPath("strace") || isThere("strace/bin/strace") ? [] : [straceTool]),
    ...(isThere("servers/bin/postgres") ? [] : [serversTool]),
  ];
  if (missing.length > 0) await unpackAll(missing, tools);
}

/** One that cannot be unpacked keeps none of the others away: the tests that need it are skipped. */
async function unpackAll(missing: readonly Tool[], directory: string): Promise<void> {
  using prefix = await openPrefix(directory);
  for (const tool of missing) {
    console.error(`setup: unpacking ${tool.title} …`);
    try {
      await install(tool, prefix, "apt", new AbortController().signal);
    } catch (error) {
      console.error(`setup: ${(error as Error).message}`);
      process.exitCode = 1;
    }
  }
}
