/** Processes that show what is no page under the name of one. */
import { cString } from "../../ffi/bytes.ts";
import { openLibc } from "../../ffi/libc.ts";
import { type Child, startProgram } from "./child.ts";

/**
 * A process whose descriptor 9 links to `/memfd:criu-aware (deleted)`, and is what the shell command `make` makes at `$page`: a
 * name in the root of a mount namespace of its own. It takes root.
 */
export async function startImpostor(make: string): Promise<Child> {
  const child = startProgram("unshare", [
    "-m",
    "sh",
    "-c",
    `mount -t tmpfs none /mnt && cd /mnt && page='/mnt/memfd:criu-aware (deleted)' && mkdir old && ${make} && mkfifo wait &&
     exec 9<>"$page" 8<>wait && pivot_root . old && echo ready && read -r nothing <&8`,
  ]);
  await child.nextLine();
  return child;
}

const IN_OPEN = 0x20;
const IN_NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;

/** Counts how often a file is opened from now on: inotify(7). To hold it by O_PATH is not to open it. */
export async function countOpens(path: string): Promise<{ count(): number } & Disposable> {
  const libc = await openLibc();
  const { inotify_init1, inotify_add_watch } = libc.runtime.dlopen(libc.soname, {
    inotify_init1: [["i32"], "i32"],
    inotify_add_watch: [["i32", "buffer", "u32"], "i32"],
  });
  const fd = libc.check(inotify_init1(IN_NONBLOCK_CLOEXEC), "watch");
  libc.check(inotify_add_watch(fd, cString(path), IN_OPEN), `watch ${path}`);
  const buffer = new Uint8Array(4096);
  let seen = 0;
  return {
    count() {
      // struct inotify_event without a name: 16 bytes. Equal ones are reported as one.
      for (let bytes = Number(libc.read(fd, buffer, buffer.length)); bytes > 0; ) {
        seen += bytes / 16;
        bytes = Number(libc.read(fd, buffer, buffer.length));
      }
      return seen;
    },
    [Symbol.dispose]: () => void libc.close(fd),
  };
}
