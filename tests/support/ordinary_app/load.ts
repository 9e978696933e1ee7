import { sleep } from "../time.ts";

/** What became of the requests. */
export interface Tally {
  /** Those that were answered, and right. */
  answered: number;
  /** Those that met a connection that was closed, or nobody who listens, by the code of the error. */
  readonly closed: Record<string, number>;
  /** All others, with what was wrong. */
  readonly wrong: string[];
  /** The ids that were handed out. */
  readonly ids: Set<string>;
}

/** Requests that come without a pause. */
export interface Load {
  readonly tally: Tally;
  /** Resolves once this many more were answered. */
  answered(more: number): Promise<void>;
  /** Sends no more; resolves once there is an end to all. */
  stop(): Promise<Tally>;
}

const A_SECOND = 200;
const LONGEST_MS = 20_000;
const closedCodes = ["ECONNRESET", "ECONNREFUSED", "EPIPE", "ConnectionRefused", "ConnectionClosed", "ConnectionReset"];

/** Sends 200 requests a second to the service at a port, which asks the database of this name, and looks at each answer. */
export function startLoad(port: number, databaseName: string): Load {
  const tally: Tally = { answered: 0, closed: {}, wrong: [], ids: new Set() };
  const kinds: ((n: number) => [path: string, isRight: (body: string) => boolean])[] = [
    (n) => {
      const user = { id: 1 + (n % 100), name: `user ${1 + (n % 100)}`, database: databaseName };
      return [`user/${user.id}`, (body) => body === JSON.stringify(user)];
    },
    (n) => [`cached/key-${n % 50}`, (body) => body === `value of key-${n % 50}`],
    (n) => [`upstream/${n}`, (body) => body === String(n + 1)],
    (n) => [`square/${n}`, (body) => body === String(n * n)],
    () => ["id", (body) => /^[\da-f-]{36}$/.test(body) && !tally.ids.has(body) && Boolean(tally.ids.add(body))],
  ];
  const open = new Set<Promise<void>>();
  const begun = performance.now();
  let sent = 0;
  const timer = setInterval(() => {
    // As many as are due: whatever has kept this process busy.
    for (; sent < ((performance.now() - begun) / 1000) * A_SECOND; sent++) {
      const [path, isRight] = (kinds[sent % kinds.length] as (typeof kinds)[0])(sent);
      const request = ask(`http://127.0.0.1:${port}/${path}`, isRight, tally).finally(() => open.delete(request));
      open.add(request);
    }
  }, 5);
  return {
    tally,
    async answered(more) {
      const wanted = tally.answered + more;
      for (const end = Date.now() + LONGEST_MS; tally.answered < wanted; await sleep(5)) {
        if (Date.now() > end) throw new Error(`Only ${tally.answered} of ${wanted}: ${JSON.stringify(tally)}`);
      }
    },
    async stop() {
      clearInterval(timer);
      await Promise.all(open);
      return tally;
    },
  };
}

async function ask(url: string, isRight: (body: string) => boolean, tally: Tally): Promise<void> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(LONGEST_MS) });
    const body = await response.text();
    if (response.status === 200 && isRight(body)) tally.answered++;
    else tally.wrong.push(`${url}: ${response.status} ${body}`);
  } catch (error) {
    const { code = "" } = error as { code?: string };
    if (closedCodes.includes(code)) tally.closed[code] = (tally.closed[code] ?? 0) + 1;
    else tally.wrong.push(`${url}: ${code} ${error}`);
  }
}
