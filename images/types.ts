/** What a dump holds, as its images tell. Sizes are bytes, durations milliseconds. */
export interface Images {
  /** Where they lie. */
  readonly directory: string;
  /** The version of the format that CRIU wrote; 2 since 2015. */
  readonly format: number;
  /** `x86_64`, `aarch64` and the like. */
  readonly arch: string;
  /** The size of a page. */
  readonly pageBytes: number;
  /** CRIU's name for this dump. */
  readonly runId: string | undefined;
  /** Plugins of CRIU's that a restore needs, such as `cuda_plugin`. */
  readonly plugins: readonly string[];
  /** The images that this incremental dump is built on. */
  readonly parent: string | undefined;
  /** Whether the tree has a mount namespace of its own: paths are then those of its container. */
  readonly ownMounts: boolean;
  /** The process tree, parents first. */
  readonly processes: readonly ImageProcess[];
  /** What several processes map, and memfds. */
  readonly shared: readonly SharedMemory[];
  /** Deleted files that were open. */
  readonly ghosts: readonly GhostFile[];
  /** All files of the directory that belong to the dump, by name. */
  readonly files: readonly { readonly name: string; readonly bytes: number }[];
  /** The sum of all files. */
  readonly bytes: number;
  /** What they occupy on disk: less where CRIU punched holes. */
  readonly diskBytes: number;
  /** Undefined when CRIU wrote no numbers. */
  readonly dump: DumpStats | undefined;
  /** Of the last restore from this directory. */
  readonly restore: RestoreStats | undefined;
}

/** One process in an image. */
export interface ImageProcess {
  /** In the pid namespace of the tree. */
  readonly pid: number;
  /** 0 for the root of the tree. */
  readonly parent: number;
  /** Its process group. */
  readonly group: number;
  /** Its session. */
  readonly session: number;
  /** The name of its main thread, at most 15 letters. */
  readonly name: string;
  /** What it was doing when it was frozen. */
  readonly state: "alive" | "dead" | "stopped" | "zombie" | "unknown";
  /** The ids of its threads, its own pid included. */
  readonly threads: readonly number[];
  /** Undefined when the image does not say. */
  readonly executable: Executable | undefined;
  /** Of this process alone. */
  readonly memory: ImageMemory;
  /** By number. */
  readonly descriptors: readonly Descriptor[];
}

/** The program that a process runs, as CRIU noted it. */
export interface Executable {
  /** In the mount namespace of the process. */
  readonly path: string;
  /** Its size, if CRIU noted it. */
  readonly bytes: number | undefined;
  /** The build id of the program, in hexadecimal digits; undefined when it has none. */
  readonly buildId: string | undefined;
}

/** How much memory an image holds. */
export interface ImageMemory {
  /** All mappings, touched or not. */
  readonly mappedBytes: number;
  /** In the pages files of this directory. */
  readonly imageBytes: number;
  /** In those of the dump that this one is built on. */
  readonly parentBytes: number;
  /** Left with the page server of a lazy dump. */
  readonly lazyBytes: number;
}

/** An open descriptor. */
export interface Descriptor {
  /** Its number. */
  readonly fd: number;
  /** What it is: `file`, `pipe`, `unix socket`, … */
  readonly kind: string;
  /** A path, a name, or addresses, where there is one. Raw: escape it before a terminal sees it. */
  readonly what: string | undefined;
}

/** A piece of shared memory that travels in the image. */
export interface SharedMemory {
  /** `anonymous`: a mapping that was made without a name or a file. */
  readonly kind: "memfd" | "anonymous";
  /** The name of a memfd. */
  readonly name: string | undefined;
  /** The number in the name of its pagemap file. */
  readonly id: number;
  /** Its size. */
  readonly bytes: number;
  /** How much of it is in the images. */
  readonly imageBytes: number;
  /** Who maps it, or holds its descriptor. */
  readonly pids: readonly number[];
}

/** A deleted file that was still open: its content is in the image. */
export interface GhostFile {
  /** The file that holds its content. */
  readonly file: string;
  /** Where it was, if the image tells. */
  readonly path: string | undefined;
  /** Its size. */
  readonly bytes: number;
}

/** What CRIU says of a dump. */
export interface DumpStats {
  /** From the first stop to the last. */
  readonly freezingMs: number;
  /** How long the whole tree stood still. */
  readonly frozenMs: number;
  /** Taking the memory out of the processes, writing included. */
  readonly memdumpMs: number;
  /** Of that, writing alone. */
  readonly memwriteMs: number;
  /** Pages that were looked at. */
  readonly pagesScanned: number;
  /** Left out: the parent of an incremental dump has them. */
  readonly pagesSkippedParent: number;
  /** Pages in this image. */
  readonly pagesWritten: number;
  /** Left with the page server of a lazy dump. */
  readonly pagesLazy: number;
  /** Of shared memory, looked at. */
  readonly sharedPagesScanned: number;
  /** Of shared memory, written. */
  readonly sharedPagesWritten: number;
}

/** What CRIU says of a restore. */
export interface RestoreStats {
  /** Making the processes. */
  readonly forkingMs: number;
  /** From CRIU's start until the processes run, forking included. */
  readonly restoreMs: number;
  /** Pages compared with those of the parent process, to share them. */
  readonly pagesCompared: number;
  /** Found equal, and shared. */
  readonly pagesSkippedCow: number;
  /** Pages that were filled from the images. */
  readonly pagesRestored: number;
}
