import { resolve } from "node:path";

/** Set for the second start, so that there is no third. */
const MARK = "CRIU_AWARE_STEPPED_ASIDE";

/**
 * Starts this command anew when its own threads have ids that a restore from `imagesDir` needs: they then get higher ones. In a small
 * pid namespace the threads of any program have the ids of those of the program that was dumped in such a one. What cannot be helped
 * is said by the restore. Images that others may write are not read, unless the user trusts them: the restore refuses them.
 */
export async function stepAside(imagesDir: string, trustImages = false): Promise<void> {
  const isSecond = process.env[MARK] !== undefined;
  delete process.env[MARK];
  if (isSecond) return;
  const { requireTrustedImages } = await import("../driver/trusted_images.ts");
  const { readNeeds } = await import("../images/needs.ts");
  const { ownIdsAmong } = await import("../ffi/id_holders.ts");
  let ids: readonly number[];
  try {
    if (!trustImages) requireTrustedImages(resolve(imagesDir));
    ({ ids } = readNeeds(imagesDir));
  } catch {
    return;
  }
  const ours = ownIdsAmong(ids);
  // A process cannot change its own pid.
  if (ours.length === 0 || ours.includes(process.pid)) return;
  const { startAbove } = await import("../ffi/next_pid.ts");
  const { startAnew } = await import("../ffi/exec.ts");
  const { openLibc } = await import("../ffi/libc.ts");
  startAbove(ids);
  startAnew(await openLibc(), { ...process.env, [MARK]: "1" });
}
