/** An app that dumps itself at SIGUSR2. Options in JSON: those of checkpoint(), and what else the first line names. */
import { writeSync } from "node:fs";
import { attach } from "criu-aware";
import { unblocked } from "criu-aware/blockers";
import { type CheckpointOptions, checkpoint } from "criu-aware/driver";

const {
  directory: _,
  refuses,
  fails,
  atOnce,
  looksFirst = true,
  ...options
} = JSON.parse(process.argv[2] as string) as CheckpointOptions & {
  /** What every app of these tests is told. */
  readonly directory: string;
  readonly refuses?: boolean;
  /** Cannot rebuild itself. */
  readonly fails?: boolean;
  /** Tries at once, and ends. */
  readonly atOnce?: boolean;
  /** Refuses what blocks; otherwise CRIU meets it. */
  readonly looksFirst?: boolean;
};
const say = (event: string, details: object = {}): void =>
  void writeSync(1, `${JSON.stringify({ event, ...details })}\n`);

const agent = await attach({ strategies: [], onError: () => {} });
// Finds nothing: CRIU's own socket is not there yet.
if (looksFirst) agent.register(unblocked());
agent.register({
  name: "self",
  beforeCheckpoint() {
    if (refuses) throw new Error("the app was told to refuse");
  },
  afterRestore({ outcome, generation }) {
    say("after", { outcome, generation });
    if (fails) throw new Error("the app was told to fail");
  },
});
const dump = async (): Promise<void> => {
  try {
    const { outcome, errors } = await checkpoint(agent, options);
    const failed = { errors: errors.map(String), lastErrors: agent.lastErrors.map(String) };
    say("checkpoint", { outcome, generation: agent.generation, ...(fails ? failed : {}) });
  } catch (error) {
    say("failed", { name: (error as Error).name, message: (error as Error).message });
  }
};
if (atOnce) {
  await dump();
  process.exit();
}
process.on("SIGWINCH", () => say("tick"));
process.once("SIGUSR2", dump);
setInterval(() => {}, 1000);
say("attached", { pid: process.pid });
