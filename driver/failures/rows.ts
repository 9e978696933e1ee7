import { dump } from "./dump_rows.ts";
import { restore } from "./restore_rows.ts";
import { type FailureRow, OTHER_CRIU } from "./row.ts";

const both: readonly FailureRow[] = [
  [
    /Can't open dir (.+): No such file|Couldn't open image dir/,
    "There is no directory for images.",
    "Make the directory first, or name another one.",
  ],
  [
    /Cannot allocate memory|Out of memory/,
    "There is not enough memory.",
    "Give this machine, or the cgroup, more memory.",
  ],
  [
    /Unable to open directory (.+): No such file or directory/,
    "There is no directory $1.",
    "Name one that is there in --libdir, or leave it out.",
  ],
  [
    /Can't access join-ns file ([^\s:]+)/,
    "There is no namespace at $1.",
    "Name the pid or the file of one that is there in --join-ns.",
  ],
  [
    /No subdirs are allowed in log_file|Can't create log file (.+):/,
    "The log cannot be made.",
    "Name a file without a slash: it is made in the work directory (--work-dir).",
  ],
  [/vDSO area bounds/, "This CRIU is too old for this kernel.", OTHER_CRIU],
  [
    /reported script error|Pre dump script failed|due to (pre|post)-restore script|script .*ret code/,
    "A hook refused: an app said no, did not answer in time, or an action script of CRIU's configuration failed.",
    "See the reasons of the apps; look for action-script in /etc/criu/*.conf.",
  ],
  [
    /^cg: |cgyard|cg-prop|Can't move into /,
    "CRIU cannot save or restore the cgroups of the app.",
    "Leave them alone: without any option on cgroups, or with --manage-cgroups=ignore.",
  ],
];

/** The table, by phase. */
export const rows: Readonly<Record<"dump" | "restore" | "both", readonly FailureRow[]>> = { dump, restore, both };

/** What is looked at only when nothing more exact is known of a line. */
export const general: readonly FailureRow[] = [
  [
    /Operation not permitted|Permission denied|CRIU needs to have the CAP_/,
    "CRIU was denied something.",
    "Run it as root with CAP_SYS_ADMIN (in a container: privileged); look at the rules of SELinux, AppArmor and seccomp.",
  ],
];
