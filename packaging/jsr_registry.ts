/**
 * A registry with one package, as `deno publish` and `import "jsr:…"` see jsr.io: so what is published is made by Deno itself, with the
 * specifiers that it rewrites, and loaded from URLs.
 */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { output } from "./check.ts";
import { filesOf } from "./contents.ts";

/** Serves what was published to it. */
export interface JsrRegistry extends Disposable {
  /** For the variable JSR_URL. */
  readonly url: string;
  /** Where the files of the published version are. */
  readonly files: string;
}

interface Configuration {
  readonly name: string;
  readonly version: string;
  readonly exports: Readonly<Record<string, string>>;
}

/** Publishes the tree `root` to a registry of its own, whose files lie in the empty `directory`. */
export async function publishLocally(root: string, directory: string): Promise<JsrRegistry> {
  const files = join(directory, "files");
  mkdirSync(files);
  const configuration = JSON.parse(readFileSync(join(root, "deno.json"), "utf8")) as Configuration;
  const server = createServer((request, response) => {
    void answer(request, configuration, directory, files).then(
      (body) => respond(response, body === undefined ? 404 : 200, body ?? "{}"),
      (error) => respond(response, 500, JSON.stringify({ code: "internal", message: String(error) })),
    );
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const registry = {
    url,
    files: `${url}${configuration.name}/${configuration.version}/`,
    [Symbol.dispose](): void {
      server.closeAllConnections();
      server.close();
    },
  };
  try {
    const deno = join(root, "node_modules/.bin/deno");
    // Types are checked by the dry run, which is a check of its own.
    const flags = ["--token", "none", "--allow-dirty", "--no-provenance", "--no-check"];
    await output([deno, "publish", ...flags], { cwd: root, env: { JSR_URL: registry.url } });
    return registry;
  } catch (error) {
    registry[Symbol.dispose]();
    throw error;
  }
}

/** Undefined when there is no such thing. */
async function answer(
  request: IncomingMessage,
  { name, version, exports }: Configuration,
  directory: string,
  files: string,
): Promise<string | undefined> {
  const { pathname } = new URL(request.url ?? "/", "http://registry");
  if (request.method === "POST") {
    await unpack(request, directory, files);
    return JSON.stringify({ id: "1", status: "success", error: null });
  }
  // Is there such a package, and has it this version? Before it is published it has not.
  const api = `/api/scopes/${name.slice(1).replace("/", "/packages/")}`;
  if (pathname === api) return JSON.stringify({ name });
  const listed = `/${name}/`;
  if (!pathname.startsWith(listed)) return undefined;
  const path = pathname.slice(listed.length);
  if (path === "meta.json") return JSON.stringify({ name, latest: version, versions: { [version]: {} } });
  const manifest = manifestOf(files);
  if (path === `${version}_meta.json`) return JSON.stringify({ manifest, exports });
  const file = path.slice(version.length);
  return path.startsWith(`${version}/`) && file in manifest ? readFileSync(join(files, file), "utf8") : undefined;
}

async function unpack(request: IncomingMessage, directory: string, files: string): Promise<void> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const tarball = join(directory, "published.tar.gz");
  writeFileSync(tarball, Buffer.concat(chunks));
  await output(["tar", "-xzf", tarball, "-C", files], { cwd: directory });
}

/** What Deno compares the files with. */
function manifestOf(files: string): Record<string, { readonly size: number; readonly checksum: string }> {
  const entries = filesOf(files).map(([path, size]) => {
    const digest = createHash("sha256")
      .update(readFileSync(join(files, path)))
      .digest("hex");
    return [`/${path}`, { size, checksum: `sha256-${digest}` }];
  });
  return Object.fromEntries(entries);
}

function respond(response: ServerResponse, status: number, body: string): void {
  response.statusCode = status;
  response.end(body);
}
