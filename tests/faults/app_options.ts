/** What the app of the faults can be told to do in a hook. */
export type Deed =
  | "waits"
  | "hangs"
  | "throws"
  | "exits"
  | "blocks"
  | "attaches a copy"
  | "closes its page"
  | "unmaps its page";

export interface AppOptions {
  /** What it waits for lies there. */
  readonly directory: string;
  readonly strategy: string;
  /** Where its marker or socket lies. */
  readonly place: string;
  readonly leaseMs?: number;
  readonly hookTimeoutMs?: number;
  /** What it does in a hook, as long as the file `armed` is in its directory. */
  readonly does?: Partial<Record<"beforeCheckpoint" | "beforeHold" | "afterRestore", Deed>>;
  /** What it does when it is told by SIGUSR2. */
  readonly onSignal?: Deed;
  /** Another copy of the package. */
  readonly copy?: string;
  /** The name of shared memory that it has open and mapped. */
  readonly memory?: string;
  /** So many bytes, none like the other, that a dump has to write. */
  readonly bytes?: number;
}
