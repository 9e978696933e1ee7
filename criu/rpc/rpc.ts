import type { ChosenCriu } from "../locate.ts";
import { passDescriptors } from "../options.ts";
import type { End, Run, Runner } from "../run.ts";
import { terminalFor } from "../terminal.ts";
import { type Response, requestTypes } from "./messages.ts";
import { runOptions, swrkArguments } from "./options.ts";
import { FIRST_INHERITED, Swrk } from "./swrk.ts";

/** Runs CRIU by its RPC: CRIU itself asks this process at each hook. */
export function rpcRunner({ path: criu, version }: ChosenCriu): Runner {
  return {
    criu,
    version,
    async dump(run) {
      const { start, opts } = common(run);
      const { pid, leaveRunning } = run;
      // Without `notifyScripts` a driver that dies in a dump would cost the app its life.
      const request = { type: requestTypes.dump, opts: { ...opts, pid, leaveRunning, notifyScripts: true } };
      await using swrk = await Swrk.start(criu, request, start);
      if (swrk.pid !== undefined) run.onStart(swrk.pid);
      return await ended(swrk, await swrk.response(run.onHook));
    },
    async restore(run) {
      const { start, opts } = common(run);
      const terminal = await terminalFor(run.criuOptions);
      // Each hook costs CRIU time, and a restore goes on when this process dies: nobody has to be asked.
      const request = { type: requestTypes.restore, opts: { ...opts, notifyScripts: run.asks } };
      await using swrk = await Swrk.start(criu, request, { ...start, terminal });
      if (swrk.pid !== undefined) run.onStart(swrk.pid);
      const response = await swrk.response(run.onHook);
      // Until then it is the parent of what it restored, and nobody else can wait for that.
      await swrk.exited;
      return { ...(await ended(swrk, response)), pid: response.restore?.pid ?? 0 };
    },
  };
}

function common({ imagesDir, workDir, log, criuOptions: given }: Run) {
  const { fds, criuOptions } = passDescriptors(given, FIRST_INHERITED);
  return { start: { fds, args: swrkArguments(criuOptions, workDir) }, opts: runOptions(imagesDir, log, criuOptions) };
}

async function ended(swrk: Swrk, { success, crErrno = 0 }: Response): Promise<End> {
  if (success) return { exitCode: 0, stderr: swrk.stderr };
  return { exitCode: (await swrk.exited) || 1, crErrno, stderr: swrk.stderr };
}
