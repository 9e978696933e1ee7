/** The runtime's own server. */
export function serve(port: number, fetch: (request: Request) => Response | Promise<Response>): void {
  if ("Deno" in globalThis) Deno.serve({ port, hostname: "127.0.0.1", onListen: () => {} }, fetch);
  else Bun.serve({ port, hostname: "127.0.0.1", fetch });
}
