import { blocked, type FailureRow, OWN_PID_NAMESPACE } from "./row.ts";

/** What CRIU says of a restore that failed. */
export const restore: readonly FailureRow[] = [
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
    /Unable to set a (?:monotonic|boottime) clock offset: Operation not permitted/,
    "CRIU may not set the clocks of the app.",
    "Run it with CAP_SYS_TIME (containers: --cap-add SYS_TIME; systemd: CapabilityBoundingSet).",
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
    /Can't link (\S+) -> (\S+): No such file or directory/,
    "/$1, which a dump with --link-remap made for /$2, is gone: CRIU removes it after a restore, and after a dump that leaves the app running.",
    "Restore such images only once; dump without --leave-running, or let the app close the file before.",
  ],
  [
    /File (\S+) has bad build-ID/,
    "/$1 is another build than the one that was dumped.",
    "Restore with the same build of the program and its libraries.",
  ],
  [
    /Can't open file (\S+)(?: on restore)?: No such file or directory/,
    "/$1 is missing: the app had it open or mapped, or worked in it.",
    "Bring it back to that path.",
  ],
  [
    /fsnotify: Unable to open (\S+): No such file or directory/,
    "$1 is missing: the app watched it.",
    "Make it again, with its owner and mode, before the restore.",
  ],
  [
    /Unexpected EOF on|Unexpected EOF$|Can't read pages data|Magic doesn't match|No IDS for root task|Empty list on file desc/,
    "The images are incomplete or damaged.",
    "Use the images of a dump that ended well; copy directories of images as a whole.",
  ],
  [
    /(\d+) killed by signal (\d+)/,
    "Process $1 died by signal $2 while CRIU restored it: its images are incomplete, or do not fit this CPU or CRIU.",
    "Use the images of a dump that ended well, whole, with the CRIU that made them.",
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
    /(apparmor|selinux) LSM specified but \S+ not supported/,
    "A profile of $1 was asked for, which this kernel does not have.",
    "Leave out --lsm-profile.",
  ],
  [
    /invalid argument (.+) for --lsm-profile|(unknown lsm .+)/,
    "There is no LSM profile of this name: $1$2.",
    "Write apparmor:NAME or selinux:CONTEXT, or leave out --lsm-profile.",
  ],
  [
    /can't write lsm profile|apparmor parsing failed|mismatched lsm types/,
    "The LSM profile of the app (AppArmor, SELinux) cannot be set here.",
    "Load the profile, or name one that is loaded.",
    "lsmProfile",
  ],
  [
    /connect to lazy-pages\.socket failed|No lazy-pages socket/,
    "Nobody serves the pages: --lazy-pages needs its daemon, in the same work directory.",
    "Restore with --lazy, which runs that daemon by itself. Or run beside: criu lazy-pages --images-dir DIR --work-dir WORK, and restore with --work-dir WORK.",
  ],
  [
    /UFFD is not supported|Lazy pages are not available|Unable to open an userfaultfd descriptor/,
    "This kernel, or who runs CRIU, has no userfaultfd.",
    "Restore without --lazy (--lazy-pages).",
  ],
  [
    /Cgroup dir (\S+) doesn't exist/,
    "The cgroup $1 of the dump is not there, and CRIU was told to make none.",
    "Make it, or leave the cgroups alone: --manage-cgroups=ignore.",
  ],
  [
    /No cpuinfo image/,
    "The dump does not say what its CPU could do.",
    "Dump with the same --cpu-cap, or restore without it.",
  ],
  [
    /Can't chose service_fd_base/,
    "CRIU may not open enough files.",
    "Raise the limit before the restore: ulimit -n 1024.",
  ],
  [
    /No space left on device/,
    "The disk is full.",
    "Make room on the file systems of the app, where CRIU makes its deleted files anew, and for CRIU's log (--work-dir).",
  ],
  [
    /Can't create ghost regfile: Read-only file system/,
    "The app had deleted files open, and CRIU cannot make them anew on a file system that is read-only.",
    "Mount it so that it can be written while CRIU restores.",
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
