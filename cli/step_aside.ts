/** Set for the second start, so that there is no third. */
const MARK = "CRIU_AWARE_STEPPED_ASIDE";

/**
 * Starts this command anew when its own threads have ids that a restore from `imagesDir` needs: they then get higher ones. In a small
 * pid namespace the threads of any program have the ids of those of the program that was dumped in such a one. What cannot be helped
 * is said by the restore.
 */
export async function stepAside(imagesDir: string): Promise<void> {
  const isSecond = process.env[MARK] !== undefined;
  delete process.env[MARK];
  if (isSecond) return;
  const { readNeeds } = await import("../images/needs.ts");
  const { holdersOf } = await import("../ffi/id_holders.ts");
  let ids: readonly number[];
  try {
    ({ ids } = readNeeds(imagesDir));
  } catch {
    return;
  }
  const ours = holdersOf(ids).filter(({ pid }) => pid === process.pid);
  // A process cannot change its own pid.
  if (ours.length === 0 || ours.some(({ id }) => id === process.pid)) return;
  const { startAbove } = await import("../ffi/next_pid.ts");
  const { startAnew } = await import("../ffi/exec.ts");
  const { openLibc } = await import("../ffi/libc.ts");
  startAbove(ids);
  startAnew(await openLibc(), { ...process.env, [MARK]: "1" });
}
