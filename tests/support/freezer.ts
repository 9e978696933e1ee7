import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { waitFor } from "./time.ts";

/** A freezer of either version of cgroups: its directory, and what to write where. */
export interface Freezer {
  readonly root: string;
  readonly file: string;
  readonly frozen: string;
  readonly thawed: string;
  readonly isFrozen: (directory: string) => boolean;
}

const known: readonly Freezer[] = [
  {
    root: "/sys/fs/cgroup/freezer",
    file: "freezer.state",
    frozen: "FROZEN",
    thawed: "THAWED",
    isFrozen: (directory) => readFileSync(`${directory}/freezer.state`, "utf8").startsWith("FROZEN"),
  },
  ...["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map((root) => ({
    root,
    file: "cgroup.freeze",
    frozen: "1",
    thawed: "0",
    isFrozen: (directory: string) => /^frozen 1$/m.test(readFileSync(`${directory}/cgroup.events`, "utf8")),
  })),
];

/** Puts a process into a new cgroup that can be paused. Disposal thaws it and takes it out. */
export class Pause implements Disposable {
  readonly #freezer: Freezer;
  readonly #directory: string;
  readonly #pid: number;

  constructor(freezer: Freezer, pid: number) {
    this.#freezer = freezer;
    this.#pid = pid;
    this.#directory = `${freezer.root}/criu-aware-test-${pid}`;
    mkdirSync(this.#directory);
    writeFileSync(`${this.#directory}/cgroup.procs`, String(pid));
  }

  async pause(): Promise<void> {
    writeFileSync(`${this.#directory}/${this.#freezer.file}`, this.#freezer.frozen);
    await waitFor("the cgroup to freeze", () => this.#freezer.isFrozen(this.#directory), 10_000);
  }

  resume(): void {
    writeFileSync(`${this.#directory}/${this.#freezer.file}`, this.#freezer.thawed);
  }

  [Symbol.dispose](): void {
    this.resume();
    writeFileSync(`${this.#freezer.root}/cgroup.procs`, String(this.#pid));
    rmdirSync(this.#directory);
  }
}

/** Those that can be used here. */
export const freezers: readonly Freezer[] =
  process.geteuid?.() === 0 ? known.filter(({ root }) => existsSync(`${root}/cgroup.procs`)) : [];
/** Why a test that needs one cannot run; false when it can. */
export const noFreezer: string | false = freezers.length === 0 ? "no cgroup freezer can be used here" : false;
