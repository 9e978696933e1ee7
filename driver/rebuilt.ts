import { processTree } from "../ffi/process_tree.ts";
import { DriverPage } from "../page/driver_page.ts";
import { PageError } from "../page/errors.ts";
import type { RestoredProcess } from "./engine.ts";

/** Waits, at most `timeoutMs`, until every attached process of a restored tree runs again, and returns what each says. */
export async function awaitRebuilt(pid: number, timeoutMs: number): Promise<RestoredProcess[]> {
  const processes = await Promise.all(processTree(pid).map((member) => awaitOne(member, timeoutMs)));
  return processes.filter((process) => process !== undefined);
}

async function awaitOne(pid: number, timeoutMs: number): Promise<RestoredProcess | undefined> {
  try {
    using page = await DriverPage.open(pid);
    await page.until(({ state }) => state === "running", timeoutMs);
    const { outcome, generation } = page.status();
    return { pid, outcome, generation, round: page.document()?.lastRound };
  } catch (error) {
    if (error instanceof PageError) return undefined;
    throw error;
  }
}
