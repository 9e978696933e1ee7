// errno values are the same on x86-64 and aarch64: include/uapi/asm-generic/errno-base.h and errno.h.
const names: Readonly<Record<number, string>> = {
  1: "EPERM",
  2: "ENOENT",
  3: "ESRCH",
  4: "EINTR",
  9: "EBADF",
  11: "EAGAIN",
  12: "ENOMEM",
  13: "EACCES",
  17: "EEXIST",
  20: "ENOTDIR",
  22: "EINVAL",
  24: "EMFILE",
  26: "ETXTBSY",
  27: "EFBIG",
  28: "ENOSPC",
  38: "ENOSYS",
  40: "ELOOP",
  98: "EADDRINUSE",
  111: "ECONNREFUSED",
};

/** A libc call failed. `call` says which and with what, `code` is errno by name, for example `ENOENT`. */
export class SystemCallError extends Error {
  override readonly name = "SystemCallError";
  readonly call: string;
  readonly errno: number;
  readonly code: string;

  constructor(call: string, errno: number) {
    const code = names[errno] ?? `errno ${errno}`;
    super(`Cannot ${call}: ${code}`);
    this.call = call;
    this.errno = errno;
    this.code = code;
  }
}
