import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/**
 * The text of a file that this package ships and that is no module, such as an action script, by its URL:
 * `new URL("./hook.sh", import.meta.url)`. A package that was loaded from a URL has no directory; there the file is fetched.
 *
 * @throws what the file system or the network says when it cannot be read.
 */
export async function shippedText(url: URL): Promise<string> {
  if (url.protocol === "file:") return readFileSync(fileURLToPath(url.href), "utf8");
  const response = await fetch(url);
  if (!response.ok) throw new Error(`Cannot load ${url.href}: the server answers ${response.status}`);
  return await response.text();
}
