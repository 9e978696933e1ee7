import { Agent, request } from "node:http";

/** Asks a server, and resolves with its answer. */
export type Ask = (word: string) => Promise<string>;

/** Clients of the servers at a port, by names: two that keep their connections open, and a WebSocket. Few modules, so that images stay small. */
export function openClients(port: number): Readonly<Record<string, Ask>> {
  const at = (word: string): string => `http://127.0.0.1:${port}/${encodeURIComponent(word)}`;
  const agent = new Agent({ keepAlive: true });
  return {
    fetch: async (word) => (await fetch(at(word))).text(),
    "http.Agent": (word) =>
      new Promise((resolve, reject) => {
        const asked = request(at(word), { agent }, (response) => {
          let text = "";
          response.setEncoding("utf8").on("data", (part) => {
            text += part;
          });
          response.on("end", () => resolve(text)).on("error", reject);
        });
        asked.on("error", reject).end();
      }),
    WebSocket: reopening(`ws://127.0.0.1:${port}`),
  };
}

/** Opens again what is closed, and asks again what was not answered by then: as an app does. */
function reopening(url: string): Ask {
  let socket: WebSocket;
  let [ask, take] = [(): void => {}, (_: string): void => {}];
  const open = (): void => {
    socket = new WebSocket(url);
    socket.onopen = () => ask();
    socket.onmessage = ({ data }) => take(String(data));
    socket.onclose = open;
    socket.onerror = () => {};
  };
  open();
  return (word) =>
    new Promise((resolve) => {
      take = (answer) => {
        ask = () => {};
        resolve(answer);
      };
      ask = () => socket.send(word);
      if (socket.readyState === WebSocket.OPEN) ask();
    });
}
