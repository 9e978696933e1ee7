import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { SIGIO, SIGURG, signalNumber } from "../../../ffi/signal_numbers.ts";
import { SystemCallError } from "../../../ffi/system_call_error.ts";
import { constantsIn, evaluateC, noCompiler } from "../../support/c_compiler.ts";

const skip = noCompiler();

/** What our constants are called in C, where that is not their own name. */
const inC: Readonly<Record<string, string>> = {
  EFD_NONBLOCK_CLOEXEC: "EFD_NONBLOCK | EFD_CLOEXEC",
  IN_NONBLOCK_CLOEXEC: "IN_NONBLOCK | IN_CLOEXEC",
  CLOSED: "BPF_TCP_CLOSE",
  LAST_DATA_RECEIVED: "offsetof(struct tcp_info, tcpi_last_data_recv)",
  LAST_DATA_SENT: "offsetof(struct tcp_info, tcpi_last_data_sent)",
  LISTENING: "BPF_TCP_LISTEN",
  LOCK_EX_NB: "LOCK_EX | LOCK_NB",
  MAX_SIGNAL: "SIGRTMAX",
  MSG_DONTWAIT_NOSIGNAL: "MSG_DONTWAIT | MSG_NOSIGNAL",
  NEEDED_BYTES: "offsetof(struct tcp_info, tcpi_segs_out) + 4",
  NONBLOCK_CLOEXEC: "SOCK_NONBLOCK | SOCK_CLOEXEC",
  O_NONBLOCK_CLOEXEC: "O_NONBLOCK | O_CLOEXEC",
  O_RDWR_NONBLOCK_NOCTTY_CLOEXEC: "O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC",
  SEGMENTS_OUT: "offsetof(struct tcp_info, tcpi_segs_out)",
  O_PATH_CLOEXEC: "O_PATH | O_CLOEXEC",
  O_WRONLY_CREAT_EXCL_CLOEXEC: "O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC",
  PRIVATE: "0777 & ~(S_IRUSR | S_IWUSR)",
  SEALED_SIZE: "F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW",
  STICKY: "S_ISVTX",
  SIGSET_BYTES: "sizeof(sigset_t)",
  SUN_PATH_BYTES: "sizeof(((struct sockaddr_un *)0)->sun_path)",
};

function nameInC(name: string): string {
  return inC[name] ?? (name.startsWith("SYS_") ? `SYS_${name.slice(4).toLowerCase()}` : name);
}

const notOfTheKernel = [
  ...[
    "RINGS",
    "RING_BYTES",
    "FIRST_WAIT_MS",
    "WRITING_MS",
    "LONGEST",
    "LONGEST_MESSAGE",
    "LOCK_MS",
    "LOCK_LOOK_MS",
    "MOST",
    "MOST_LINKS",
    "MOST_LOOKED_UP",
    "MAX_LOOKS",
    "COMPRESSED",
    "MOST_CANDIDATES",
    "ATTEMPTS",
    "AHEAD",
    "TICK_MS",
    "MOST_BYTES",
    "MOST_AT_ONCE",
    "MOST_SKIPPED",
    "MOST_THREADS",
    "PAGE",
    "PATIENCE_MS",
    "SHORT_PATIENCE_MS",
    "SLOWER",
    "SEED_LASTS",
    "UUIDS_AHEAD",
  ],
  // The kernel's, but not in these headers: one is newer, the other is not for programs.
  ...["SO_PEERPIDFD", "PF_EXITING"],
];

test("the kernel's constants in the sources are those of the headers", { skip }, () => {
  const root = join(import.meta.dirname as string, "../../..");
  const files = [...readdirSync(`${root}/ffi`).map((name) => `ffi/${name}`), "page/driver_page.ts", "page/find.ts"];
  const ours = files.flatMap((file) =>
    Object.entries(constantsIn(join(root, file)))
      .filter(([name]) => !notOfTheKernel.includes(name))
      .map(([name, value]) => ({ file, name, value })),
  );
  assert.ok(ours.length > 50, `${ours.length}`);
  const theirs = evaluateC(ours.map(({ name }) => nameInC(name)));
  for (const { file, name, value } of ours) assert.equal(value, theirs[nameInC(name)], `${name} in ${file}`);
});

/** Compares C expressions with what the code takes them for. */
function compare(expected: Readonly<Record<string, number>>): void {
  const theirs = evaluateC(Object.keys(expected));
  for (const [expression, value] of Object.entries(expected)) {
    assert.equal(theirs[expression], BigInt(value), expression);
  }
}

test("struct sigaction has its members where signal.ts writes them, and fits", { skip }, () => {
  compare({
    "offsetof(struct sigaction, sa_sigaction)": 0,
    "offsetof(struct sigaction, sa_flags)": 136,
    "offsetof(struct sigaction, sa_mask)": 8,
    "sizeof(((struct sigaction *)0)->sa_sigaction)": 8,
    "sizeof(struct sigaction) <= 160": 1,
  });
});

test("siginfo_t has its members where the handler reads them", { skip }, () => {
  compare({
    "offsetof(siginfo_t, si_signo)": 0,
    "offsetof(siginfo_t, si_code)": 8,
    "offsetof(siginfo_t, si_pid)": 16,
    "offsetof(siginfo_t, si_uid)": 20,
    "offsetof(siginfo_t, si_value)": 24,
    "sizeof(((siginfo_t *)0)->si_value)": 8,
    "SI_USER <= 0 && SI_QUEUE <= 0 && SI_TKILL <= 0": 1,
    "SI_KERNEL > 0 && POLL_IN > 0 && CLD_EXITED > 0": 1,
  });
});

test("struct pollfd, sockaddr_un, ucred, timespec and open_how are laid out as the code has them", { skip }, () => {
  compare({
    "sizeof(struct pollfd)": 8,
    "offsetof(struct pollfd, fd)": 0,
    "offsetof(struct pollfd, events)": 4,
    "offsetof(struct pollfd, revents)": 6,
    "offsetof(struct sockaddr_un, sun_family)": 0,
    "offsetof(struct sockaddr_un, sun_path)": 2,
    "sizeof(struct sockaddr_un)": 110,
    "sizeof(struct ucred)": 12,
    "offsetof(struct ucred, uid)": 4,
    "sizeof(struct timespec)": 16,
    "offsetof(struct timespec, tv_nsec)": 8,
    "sizeof(struct open_how)": 24,
    "offsetof(struct open_how, flags)": 0,
    "offsetof(struct open_how, mode)": 8,
    "offsetof(struct open_how, resolve)": 16,
  });
});

test("the C types are as wide as the table in libc.ts says", { skip }, () => {
  compare({
    "sizeof(int)": 4,
    "sizeof(mode_t)": 4,
    "sizeof(uid_t)": 4,
    "sizeof(socklen_t)": 4,
    "sizeof(size_t)": 8,
    "sizeof(ssize_t)": 8,
    "sizeof(off_t)": 8,
    "sizeof(long)": 8,
    "sizeof(nfds_t)": 8,
    "sizeof(eventfd_t)": 8,
    "sizeof(void *)": 8,
  });
});

test("O_NONBLOCK and O_CLOEXEC are the same bits for sockets and eventfds", { skip }, () => {
  const { O_NONBLOCK, O_CLOEXEC } = evaluateC(["O_NONBLOCK", "O_CLOEXEC"]);
  const [nonblock, cloexec] = [Number(O_NONBLOCK), Number(O_CLOEXEC)];
  compare({ SOCK_NONBLOCK: nonblock, SOCK_CLOEXEC: cloexec, EFD_NONBLOCK: nonblock, EFD_CLOEXEC: cloexec });
});

test("signals have the numbers of the headers, real-time ones those that libc leaves to programs", { skip }, () => {
  const names = ["SIGHUP", "SIGUSR1", "SIGUSR2", "SIGURG", "SIGWINCH", "SIGIO", "SIGPWR"] as const;
  compare(Object.fromEntries(names.map((name) => [name, signalNumber(name)])));
  compare({ SIGURG, SIGIO, SIGRTMIN: signalNumber("SIGRTMIN"), SIGRTMAX: signalNumber("SIGRTMAX") });
  compare({
    SIGILL: 4,
    SIGTRAP: 5,
    SIGBUS: 7,
    SIGFPE: 8,
    SIGSEGV: 11,
    SIGSYS: 31,
    SIGKILL: 9,
    SIGSTOP: 19,
    SIGCHLD: 17,
  });
});

test("errno has the names of the headers", { skip }, () => {
  const names: Record<string, number> = {};
  for (let errno = 1; errno < 134; errno++) {
    const { code } = new SystemCallError("x", errno);
    if (!code.startsWith("errno ")) names[code] = errno;
  }
  compare(names);
  const met = "EPERM ENOENT ESRCH EINTR EBADF EAGAIN ENOMEM EACCES EEXIST ENOTDIR EINVAL EMFILE ENOSPC ENOSYS ELOOP";
  for (const name of met.split(" ")) assert.ok(name in names, name);
});
