/** What two readings come to. */
export interface Evidence {
  /** Whether they look as if the process was restored between them. It may be wrong, either way. */
  readonly suggestsRestore: boolean;
}
