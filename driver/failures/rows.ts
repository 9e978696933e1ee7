import { blocked, type FailureRow, OTHER_CRIU, OWN_PID_NAMESPACE } from "./row.ts";

const dump: readonly FailureRow[] = [
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
    "CRIU cannot take hold of process $1: there is none, or something else traces it.",
    "Look whether it runs; end a debugger, strace or sandbox that traces it (TracerPid in /proc/$1/status).",
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
    /Tracking memory is not available/,
    "This kernel cannot track memory (CONFIG_MEM_SOFT_DIRTY).",
    "Dump without trackMem.",
  ],
];

const restore: readonly FailureRow[] = [
  [
    /Need to set the (--\S+) options?/,
    "The dump was made with $1, and the restore needs it as well.",
    "Give $1 to the restore.",
  ],
  [
    /Can't fork for (\d+): File exists/,
    "Pid $1 is taken: by the dumped process itself until it is reaped, or by another one.",
    `Wait until it is gone, end it, or ${OWN_PID_NAMESPACE}.`,
  ],
  [
    /Unable to create a thread: -17/,
    "The id of a thread of the app is taken by another process or thread.",
    `Wait until it is gone, end it, or ${OWN_PID_NAMESPACE}.`,
  ],
  [
    /Unable to restore capabilities/,
    "The app had capabilities that none can have here.",
    "Restore where they may be had (containers: --cap-add; systemd: CapabilityBoundingSet), or dump an app without them.",
  ],
  [
    /File (\S+) has bad size (\d+) \(expect (\d+)\)/,
    "/$1 had $3 bytes when the app was dumped, and has $2 now.",
    "Bring the file back to that size; let an app log to a pipe, to /dev/null, or only append (O_WRONLY|O_APPEND).",
  ],
  [
    /File (\S+) has bad mode (\d+) \(expect (\d+)\)/,
    "The permissions of /$1 changed since the dump: $2, not $3.",
    "Bring them back, or skip the check.",
    "skipFileRwxCheck",
  ],
  [
    /File (\S+) has bad build-ID/,
    "/$1 is another build than the one that was dumped.",
    "Restore with the same build of the program and its libraries.",
  ],
  [
    /Can't open file (\S+)(?: on restore)?: No such file or directory/,
    "/$1 is missing: the app had it open or mapped.",
    "Bring the file back to that path.",
  ],
  [
    /Unexpected EOF on|Unexpected EOF$|Can't read pages data|Magic doesn't match/,
    "The images are incomplete or damaged.",
    "Use the images of a dump that ended well; copy directories of images as a whole.",
  ],
  [
    /CPU (instruction )?capabilities do not match|xsave (max )?size mismatch|xfeatures has unsupported|FPU feature required|insns$/,
    "This CPU lacks what the CPU of the dump had.",
    "Restore on a CPU of the same kind or newer, or choose what must be equal.",
    "cpuCap",
  ],
  [
    /Can't bind inet socket \(.*(Address already in use|Cannot assign requested address)/,
    "An address that the app listened on is taken, or not there.",
    "End the program that has the port; give this machine the address; or restore in a network namespace of its own.",
  ],
  [
    /Can't (bind|connect) inet socket back/,
    "An established TCP connection cannot be restored here.",
    "Restore it closed.",
    "tcpClose",
  ],
  [
    /Found slave peer index|No task found with sid|Don't have tty to inherit|self_stdin_fdid/,
    "The app was dumped with its terminal.",
    "Restore from a terminal with the option, or start the app without a terminal.",
    "shellJob",
  ],
  [
    /Can't restore sid|Requested sid \d+ doesn't match|Can't find a session leader/,
    "The session of the app cannot be made again.",
    "Restore with the option with which it was dumped.",
    "shellJob",
  ],
  blocked(
    /FATAL: Peer \d+ unresolved/,
    "The app was dumped with a unix socket whose connection nobody had accepted: these images are of no use.",
    "unix-pending",
  ),
  [
    /can only be restored in a new pid namespace|can only be restored$/,
    "The app was dumped with a pid namespace of its own.",
    "Restore it into a new one: through the container engine that dumped it.",
  ],
  [
    /No mapping for .* mountpoint|Mount \d+:\S+ is autodetected external/,
    "The images name a mount that is not given at the restore.",
    "Give every external mount of the dump to the restore as well.",
    "external",
  ],
  [
    /--root option is required to restore a mount namespace/,
    "The app had a mount namespace of its own.",
    "Name the root of the file system to restore into.",
    "root",
  ],
  [
    /Can't attach to \d+: Operation not permitted/,
    "Something else traces the restored process, or may keep CRIU from it.",
    "End it; look at the rules of SELinux or AppArmor.",
  ],
  [/loginuid/, "CRIU may not set the login uid of the app.", "Run CRIU with CAP_AUDIT_CONTROL."],
  [
    /Unable to open timens.*Permission denied/,
    "A restored process in a user namespace may not read the images.",
    "Give the directory mode 0711 and the images 0644.",
  ],
];

const both: readonly FailureRow[] = [
  [
    /Can't open dir (.+): No such file|Couldn't open image dir/,
    "There is no directory for images.",
    "Make the directory first, or name another one.",
  ],
  [
    /No space left on device/,
    "The disk is full.",
    "Make room where the images are, and remove those that are incomplete.",
  ],
  [
    /Cannot allocate memory|Out of memory/,
    "There is not enough memory.",
    "Give this machine, or the cgroup, more memory.",
  ],
  [
    /No subdirs are allowed in log_file|Can't create log file (.+):/,
    "The log cannot be made.",
    "Name a file without a slash: it is made in the directory of the images.",
  ],
  [/vDSO area bounds/, "This CRIU is too old for this kernel.", OTHER_CRIU],
  [
    /reported script error|Pre dump script failed|due to (pre|post)-restore script|script .*ret code/,
    "A hook refused: an app said no, did not answer in time, or an action script of CRIU's configuration failed.",
    "See the reasons of the apps; look for action-script in /etc/criu/*.conf.",
  ],
  [
    /cgroup|cgyard|cg-prop|Can't move into .*/,
    "CRIU cannot save or restore the cgroups of the app.",
    "Leave the cgroups as they are.",
    "manageCgroups",
  ],
];

/** The table, by phase. */
export const rows: Readonly<Record<"dump" | "restore" | "both", readonly FailureRow[]>> = { dump, restore, both };

/** What is looked at only when no other line is known. */
export const general: readonly FailureRow[] = [
  [
    /Operation not permitted|Permission denied|CRIU needs to have the CAP_/,
    "CRIU was denied something.",
    "Run it as root with CAP_SYS_ADMIN (in a container: privileged); look at the rules of SELinux, AppArmor and seccomp.",
  ],
];
