/** Asks servers of every scheme: `http:`, `https:`, `h2:` (HTTP/2 with TLS), `ws:`. Each question is a connection of its own. */
import { once } from "node:events";
import { get } from "node:http";
import { connect as connectHttp2 } from "node:http2";
import { get as getSecure } from "node:https";
import { WebSocket } from "ws";

/** The answer to a path at the server of a URL. `ca` is the certificate to trust, in PEM. */
export function ask(url: string, ca: string, path = "/"): Promise<string> {
  const { protocol } = new URL(url);
  if (protocol === "ws:") return askSocket(openSocket(url), path);
  return protocol === "h2:" ? askHttp2(url, ca, path) : askHttp(url, ca, path);
}

function askHttp(url: string, ca: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const target = new URL(path, url).href;
    const request = (url.startsWith("https") ? getSecure : get)(target, { ca, agent: false }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part) => {
        text += part;
      });
      response.on("end", () => resolve(text)).on("error", reject);
    });
    request.on("error", reject);
  });
}

async function askHttp2(url: string, ca: string, path: string): Promise<string> {
  const session = connectHttp2(url.replace("h2:", "https:"), { ca });
  try {
    return await askSession(session, path);
  } finally {
    session.destroy();
  }
}

/** The answer of a session of HTTP/2. */
export function askSession(session: ReturnType<typeof connectHttp2>, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    let isAnswered = false;
    session.once("error", reject);
    session
      .request({ ":path": path })
      .setEncoding("utf8")
      .on("response", () => {
        isAnswered = true;
      })
      .on("data", (part) => {
        text += part;
      })
      // It ends as well when the connection does.
      .on("end", () => (isAnswered ? resolve(text) : reject(new Error("the connection was closed"))))
      .on("error", reject)
      .end();
  });
}

/** A WebSocket that may close at any time. */
export function openSocket(url: string): WebSocket {
  return new WebSocket(url).on("error", () => {});
}

/** The next message of a WebSocket, which was sent a path. */
export async function askSocket(socket: WebSocket, path: string): Promise<string> {
  if (socket.readyState === socket.CONNECTING) await once(socket, "open");
  const closed = once(socket, "close").then(() => Promise.reject(new Error("the WebSocket was closed")));
  socket.send(path);
  const [answer] = await Promise.race([once(socket, "message"), closed]);
  closed.catch(() => {});
  return String(answer);
}
