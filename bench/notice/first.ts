import { join } from "node:path";
import { DriverPage } from "../../page/driver_page.ts";
import { notifyBySignal } from "../../strategies/signal/driver.ts";
import { startProgram } from "../../tests/support/child.ts";
import { sleep } from "../../tests/support/time.ts";

/** Long enough for a program that has just attached to come to rest. */
const REST_MS = 100;

/** What a process needed, in milliseconds. */
export interface First {
  /** attach(), the rehearsal included. */
  readonly attach: number;
  /** From the notice to `ready`, the first time and the third. */
  readonly ready: number;
  readonly thirdReady: number;
  /** From the end of the first hold to the last afterRestore. */
  readonly recovery: number;
}

/** Starts processes in turns, with the rehearsal and without, and gives each its first notices. */
export async function measureFirst(
  command: readonly string[],
  processes: number,
): Promise<{ rehearsed: First[]; plain: First[] }> {
  const found = { rehearsed: [] as First[], plain: [] as First[] };
  for (let i = 0; i < processes; i++) {
    found.rehearsed.push(await measureOne(command, true));
    found.plain.push(await measureOne(command, false));
  }
  return found;
}

async function measureOne([program, ...args]: readonly string[], rehearse: boolean): Promise<First> {
  const script = join(import.meta.dirname as string, "first_app.ts");
  await using app = startProgram(program as string, [...args, script, String(rehearse)]);
  const attach = Number(await app.nextLine());
  await sleep(REST_MS);
  using page = await DriverPage.open(app.pid);
  const rounds: { ready: number; recovery: number }[] = [];
  for (let i = 0; i < 3; i++) {
    const id = crypto.randomUUID();
    const sentAt = performance.now();
    const reply = await notifyBySignal(page, { id, leaseMs: 20_000 }, 5_000);
    const ready = performance.now() - sentAt;
    if (reply?.reply !== "ready") throw new Error(`The app did not say ready: ${JSON.stringify(reply)}`);
    page.tell(id, "aborted");
    await page.until(({ state }) => state === "running", 5_000);
    const { releasedAt = 0, recoveredAt = 0 } = (await page.wholeDocument(1_000))?.lastRound ?? {};
    rounds.push({ ready, recovery: recoveredAt - releasedAt });
    await sleep(5);
  }
  const [first, , third] = rounds as [(typeof rounds)[0], unknown, (typeof rounds)[0]];
  return { attach, ready: first.ready, recovery: first.recovery, thirdReady: third.ready };
}
