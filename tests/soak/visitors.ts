/**
 * What comes to the app from outside, whether it is there or not: signals at 1 kHz, and clients of its server. `visitors.ts PID MARK PORT`;
 * says at SIGTERM what became of them.
 */
import { writeSync } from "node:fs";
import { openLibc } from "../../ffi/libc.ts";
import { openMarked } from "../../ffi/marked_process.ts";
import type { ProcessHandle } from "../../ffi/process.ts";
import { SIGURG } from "../../ffi/signal_numbers.ts";
import { sleep } from "../support/time.ts";
import { endWithParent } from "./end_with_parent.ts";

/** What became of the visits. */
export interface Visits {
  /** Signals that reached the app. */
  readonly signals: number;
  /** How many a second, while the app was there. */
  readonly hertz: number;
  /** Requests that were answered, and right; that met a connection that was closed, or nobody; and all others, with what was wrong. */
  readonly answered: number;
  readonly closed: number;
  readonly wrong: readonly string[];
}

const SIGNALS_A_MS = 1;
const CLIENTS = 2;
/** A pause, so that the app has something else to do as well. */
const REST_MS = 5;
const MOST_WRONG = 20;

const [pid, mark, port] = process.argv.slice(2) as [string, string, string];
const libc = await openLibc();
const visits = { signals: 0, hertz: 0, answered: 0, closed: 0, wrong: [] as string[] };
let presentMs = 0;

endWithParent();
process.on("SIGTERM", () => {
  const hertz = presentMs > 0 ? (visits.signals * 1000) / presentMs : 0;
  writeSync(1, `${JSON.stringify({ ...visits, hertz } satisfies Visits)}\n`);
  process.exit(0);
});

/** The app, when it is there: between a dump and a restore its pid may be another one's. */
let app: ProcessHandle | undefined;
let last = performance.now();
setInterval(() => {
  const due = Math.round((performance.now() - last) * SIGNALS_A_MS);
  if (due === 0) return;
  const passed = performance.now() - last;
  last += passed;
  app ??= openMarked(libc, Number(pid), mark);
  try {
    for (let sent = 0; app && sent < due; sent++) {
      app.kill(SIGURG);
      visits.signals++;
    }
    if (app) presentMs += passed;
  } catch {
    app?.[Symbol.dispose]();
    app = undefined;
  }
}, 1);

async function visit(): Promise<void> {
  for (let n = 0; ; n++) {
    const answer = await fetch(`http://127.0.0.1:${port}/${n}`)
      .then((response) => response.text())
      .catch(() => undefined);
    if (answer === undefined) visits.closed++;
    else if (answer === String(n + 1)) visits.answered++;
    else if (visits.wrong.length < MOST_WRONG) visits.wrong.push(`asked ${n}, answered ${answer}`);
    await sleep(REST_MS);
  }
}
for (let client = 0; client < CLIENTS; client++) void visit();
