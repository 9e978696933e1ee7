/**
 * /proc by libc: Deno's own functions read there only with all permissions (`--allow-all`), and whoever calls libc has --allow-ffi, which
 * is as much.
 */
import { cString } from "./bytes.ts";
import type { listProc as List, readProc as Read, readProcLink as ReadLink } from "./fs_proc.ts";
import { sonames } from "./sonames.ts";

const O_CLOEXEC = 0o2000000;
const chunkBytes = 65_536;
/** struct dirent of glibc and musl, on 64 bits: u64 d_ino, i64 d_off, u16 d_reclen, u8 d_type, then the name. */
const nameOffset = 19;

const symbols = {
  close: { parameters: ["i32"], result: "i32" },
  closedir: { parameters: ["pointer"], result: "i32" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  opendir: { parameters: ["buffer"], result: "pointer" },
  read: { parameters: ["i32", "buffer", "usize"], result: "i64" },
  readdir: { parameters: ["pointer"], result: "pointer" },
  readlink: { parameters: ["buffer", "buffer", "usize"], result: "i64" },
} as const;

type Calls = Deno.DynamicLibrary<typeof symbols>["symbols"];
let opened: Calls | undefined;

function libc(): Calls {
  for (const soname of sonames) {
    try {
      opened ??= Deno.dlopen(soname, symbols).symbols;
    } catch (error) {
      if (error instanceof Deno.errors.NotCapable) throw error;
    }
  }
  if (!opened) throw new Error("Cannot open libc");
  return opened;
}

export const readProc: typeof Read = (path) => {
  const { open, read, close } = libc();
  const fd = open(cString(path), O_CLOEXEC);
  if (fd < 0) throw unreadable(path);
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(chunkBytes);
  let text = "";
  try {
    for (;;) {
      const bytes = Number(read(fd, chunk, BigInt(chunk.length)));
      if (bytes < 0) throw unreadable(path);
      if (bytes === 0) return text + decoder.decode();
      text += decoder.decode(chunk.subarray(0, bytes), { stream: true });
    }
  } finally {
    close(fd);
  }
};

export const readProcLink: typeof ReadLink = (path) => {
  const target = new Uint8Array(4096);
  const bytes = Number(libc().readlink(cString(path), target, BigInt(target.length)));
  if (bytes < 0) throw unreadable(path);
  return new TextDecoder().decode(target.subarray(0, bytes));
};

export const listProc: typeof List = (path) => {
  const { opendir, readdir, closedir } = libc();
  const directory = opendir(cString(path));
  if (!directory) throw unreadable(path);
  const names: string[] = [];
  try {
    for (let entry = readdir(directory); entry; entry = readdir(directory)) {
      names.push(Deno.UnsafePointerView.getCString(entry, nameOffset));
    }
  } finally {
    closedir(directory);
  }
  return names.filter((name) => name !== "." && name !== "..");
};

function unreadable(path: string): Error {
  return new Error(`Cannot read ${path}`);
}
