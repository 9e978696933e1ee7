import type { Launched } from "./launch.ts";
import type { ProgramOutput } from "./output.ts";
import { closePages, openPages, requireAttached } from "./pages.ts";
import { messageOf } from "./report.ts";

/** How far a program that was started has to come. */
export type Milestone = "attached" | "at its point";

const LOOK_MS = 20;

const reached: Readonly<Record<Milestone, (pid: number) => Promise<void>>> = {
  attached: requireAttached,
  "at its point": requireAtPoint,
};

/**
 * Waits until a process of the program's tree has come so far.
 * @throws {Error} when the program ends before, with its last words, and after `timeoutMs`: it runs on then.
 */
export async function awaitProgram(
  program: Launched,
  milestone: Milestone,
  output: ProgramOutput,
  timeoutMs: number,
): Promise<void> {
  let exitCode: number | undefined;
  void program.ended.then((code) => {
    exitCode = code;
  });
  for (const end = performance.now() + timeoutMs; ; ) {
    try {
      return await reached[milestone](program.pid);
    } catch (error) {
      if (exitCode !== undefined) {
        throw new Error(`It ended with exit code ${exitCode} before it was ${milestone}.${output.lastWords()}`);
      }
      if (performance.now() > end) {
        program.release();
        throw new Error(`${messageOf(error)} It runs on: end it with kill ${program.pid}.${output.lastWords()}`);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
  }
}

async function requireAtPoint(pid: number): Promise<void> {
  const pages = await openPages(pid);
  const isThere = pages.some((page) => page.isAtPoint());
  closePages(pages);
  if (isThere) return;
  throw new Error(
    `No process in the tree of ${pid} has come to its point, agent.point(), in time: is it called? More time: --timeout-ms.`,
  );
}
