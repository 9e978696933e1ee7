import { blocked, type FailureRow, OTHER_CRIU } from "./row.ts";

/** What CRIU says of a dump that failed. */
export const dump: readonly FailureRow[] = [
  // Sockets.
  blocked(/Connected TCP socket/, "The app has an established TCP connection.", "tcp"),
  blocked(/In-flight connection \(l\)/, "TCP connections wait to be accepted.", "tcp-pending"),
  blocked(/External socket is used/, "A unix socket is connected to a process outside of the tree.", "unix-stream"),
  blocked(
    /half of stream unix connection/,
    "A unix socket is connected to a process outside of the tree.",
    "unix-stream",
  ),
  blocked(
    /name-less external socket|with unreachable peer/,
    "A unix datagram socket is connected to one outside of the tree that has no name.",
    "unix-stream",
  ),
  blocked(
    /Dangling connection|in-flight socket/i,
    "The connection of a unix socket is not accepted yet.",
    "unix-pending",
  ),
  blocked(/Unknown socket collected \(family (\d+)\)/, "A socket is of the family $1.", "socket"),
  blocked(/Unsupported proto (\d+) for socket/, "A socket has the protocol $1.", "socket"),
  blocked(/Only stream, dgram and raw are supported/, "A socket is of a type that CRIU does not know.", "socket"),
  blocked(/The socket has data to read/, "A netlink socket has data that nobody has read.", "netlink"),
  [
    /Iptables configuration failed|Failed to lock TCP connection|Locking (network|connection) failed/,
    "CRIU cannot keep the TCP connections still: it found no iptables.",
    "Let the connections be closed, or give a way to lock them that this machine has (nftables, or skip).",
    "tcpClose",
    "networkLock",
  ],
  // Files and memory.
  blocked(/Some file locks are hold/, "The app holds a file lock: SQLite in WAL mode and Deno's caches do.", "lock"),
  [
    /Can't dump ghost file (.+) of (\d+) size/,
    "$1 is deleted but still open or mapped, and its $2 bytes are more than the limit.",
    "Close it (after an update of a program: restart it), or give a limit of $2 bytes or more.",
    "ghostLimit",
  ],
  blocked(
    /Can't create link remap for (.+?)\. Use/,
    "$1 was removed while it was open, and has another name.",
    "unlinked",
  ),
  [
    /Can't link remap to (.+): File exists/,
    "The name that --link-remap gives to the removed file $1 is taken: an earlier dump has left a link_remap.N beside it.",
    "Remove it, when the images of that dump are no longer wanted.",
  ],
  [
    /Unaccessible path opened/,
    "An open file is no longer the one that its path leads to.",
    "Close it before the checkpoint; for a device file that was made anew, give the option.",
    "evasiveDevices",
  ],
  blocked(
    /Can't lookup mount=\d+ for fd=(\d+) path=(.*)/,
    "Descriptor $1 ($2) is on a mount that the app does not see.",
    "mount",
  ),
  [
    /Open files on overmounted mounts/,
    "An open file is hidden below another mount.",
    "Close it before the checkpoint, or unmount what hides it.",
  ],
  blocked(/send_fds failed \(-22\)/, "The app has an io_uring open.", "io-uring"),
  blocked(/\(anon_inode:\[io_uring\]\)/, "The app has an io_uring mapped.", "io-uring"),
  blocked(/\(\/secretmem/, "The app has secret memory (memfd_secret).", "secret"),
  blocked(/SysVIPC shmem map/, "The app has System V shared memory, and no IPC namespace of its own.", "sysv-memory"),
  blocked(/Can't handle non-regular mapping/, "The app has a device mapped.", "device"),
  // Devices and objects of the kernel.
  blocked(/Net namespace is required to dump tun/, "The app has a network tunnel open.", "tun"),
  blocked(/Can't dump file (\d+) of that type .*\(chr (\d+:\d+)\)/, "Descriptor $1 is the device $2.", "device"),
  blocked(/Can't dump file (\d+) of that type .*\(anon (\S+)\)/, "Descriptor $1 is $2.", "kernel"),
  blocked(/Can't dump file (\d+) of that type .*\(unknown (.+)\)/, "Descriptor $1 is $2.", "device"),
  blocked(/pidfd pid (\d+) is not a part/, "The app has a pidfd of process $1, outside of the tree.", "pidfd"),
  blocked(/packetized mode for pipes/, "The app has a pipe in packet mode (O_DIRECT).", "packet-pipe"),
  blocked(
    /Can't dump that handle|Can't find suitable path for handle/,
    "The app watches something that CRIU cannot find again.",
    "watch",
  ),
  [
    /Dump eventpoll \(pid: \d+\) failed/,
    "An epoll watches a descriptor that is closed in the app but open elsewhere.",
    "Take it out of the epoll before it is closed, or close its other copies.",
  ],
  // The process tree.
  blocked(/Found slave peer index|dangling tty|ctty inheritance/, "The app is attached to a terminal.", "terminal"),
  blocked(/root process (\d+) is not a session leader/, "Process $1 is in the session of another one.", "session"),
  blocked(
    /session leader of .* is outside of its pid namespace/,
    "The leader of its session is in another pid namespace.",
    "outer-session",
  ),
  [
    /The criu itself is within dumped tree/,
    "CRIU was started below the process that it dumps.",
    "Start it from elsewhere; an app that asks for its own dump calls checkpoint(), which sees to it.",
  ],
  [
    /Can't dump a pid namespace without the process init/,
    "The app is in another pid namespace, and is not the init of it.",
    "Dump it from within: nsenter --target PID --pid --mount criu-aware dump, with the pid that it has there (the last of NSpid " +
      "in /proc/PID/status).",
  ],
  [
    /Unable to detach from (\d+): No such process/,
    "CRIU cannot take hold of process $1: there is none, something else traces it, or CRIU lacks CAP_SYS_PTRACE.",
    "Look whether it runs; end a debugger, strace or sandbox that traces it (TracerPid in /proc/$1/status); run CRIU with that " +
      "capability.",
  ],
  [
    /has uprobes vma/,
    "A tracer has put probes (uprobes) into the app.",
    "End the tracing (perf, bpftrace) before the checkpoint.",
  ],
  [
    /Unable to freeze cgroup|Timeout reached/,
    "The tree did not stop in time.",
    "Give CRIU more time; a process that hangs in the kernel (state D) must come out of it first.",
    "timeout",
  ],
  [
    /zombie \d+ .*found while seizing|Zombies with threads|Zombie with children/,
    "A process of the tree is ending just now.",
    "Try again in a moment.",
  ],
  [/Can't get rlimit/, "CRIU may not read the limits of the app.", "Run CRIU with CAP_SYS_RESOURCE."],
  [
    /Can't get \d+:\d+ opt: Operation not supported/,
    "This CRIU is too old for this kernel: it dumps no network socket.",
    OTHER_CRIU,
  ],
  [
    /Can't create (?:memfd|\w+) in victim: Too many open files/,
    "A process of the tree has as many files open as it may have, and CRIU needs some in it.",
    "Let it close some before the checkpoint, or raise its limit: prlimit --pid PID --nofile=NUMBER.",
  ],
  [
    /Unable to open \S+\.img: No such file or directory/,
    "The images directory was deleted while CRIU wrote there.",
    "Dump again, and leave the directory alone meanwhile.",
  ],
  [/No space left on device/, "The disk is full.", "Make room where the images go, and for CRIU's log (--work-dir)."],
  [
    /Tracking memory is not available/,
    "This kernel cannot track memory (CONFIG_MEM_SOFT_DIRTY).",
    "Dump without trackMem.",
  ],
];
