/** Unpacks strace(1) in this checkout, if it is not there yet. */
import { checkoutTools, findUnpacked } from "../criu/places.ts";
import { onPath } from "../ffi/on_path.ts";
import { install, openPrefix } from "./install.ts";
import type { Tool } from "./tools.ts";

const straceTool: Tool = { name: "strace", title: "strace", script: new URL("./strace.sh", import.meta.url) };
const tools = checkoutTools();
if (tools !== undefined && !onPath("strace") && !findUnpacked("strace/bin/strace", [tools]).path) {
  console.error("setup: unpacking strace …");
  using prefix = await openPrefix(tools);
  await install(straceTool, prefix, "apt", new AbortController().signal);
}
