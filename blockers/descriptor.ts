/** An open file of a process. */
export interface Descriptor {
  readonly pid: number;
  readonly fd: number;
  /** What /proc/pid/fd links to. */
  readonly link: string;
}

/** A socket, by the first descriptor that the tree has of it. */
export interface OpenSocket extends Descriptor {
  readonly inode: number;
}
