/** Makes sure that there is a CRIU that works here: proves the one that is found, and unpacks one when it does not. */
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { locateCriu } from "../criu/locate.ts";
import { tryCriu } from "../criu/trial.ts";

const say = (text: string): void => console.error(`setup: ${text}`);

async function prove(): Promise<string | undefined> {
  try {
    const criu = locateCriu();
    const { works, why } = await tryCriu(criu);
    if (works) return criu;
    say(`${criu} does not work here: ${why}`);
  } catch (error) {
    say((error as Error).message);
  }
  return undefined;
}

if (process.platform !== "linux") {
  say("CRIU runs on Linux only; here the demo plays its checkpoints in the process (criu-aware/simulate).");
} else if (process.geteuid?.() !== 0) {
  say("CRIU needs root; as this user the simulate engine stands in for it.");
} else {
  let criu = await prove();
  if (!criu) {
    say("unpacking CRIU from Debian packages …");
    try {
      execFileSync("sh", [join(import.meta.dirname as string, "criu.sh")], { stdio: "inherit" });
      criu = await prove();
    } catch {}
  }
  if (criu) say(`CRIU works (trial dump and restore): ${criu}`);
  else process.exitCode = 1;
}
