import { bytesOf } from "./bytes.ts";
import type { Doorbell, RingMemory } from "./doorbell.ts";
import { handlerCode, ring } from "./handler_code.ts";
import type { Libc } from "./libc.ts";
import { mapCode } from "./memory.ts";
import { RINGS, ringsSince } from "./rings.ts";
import { installHandler } from "./signal.ts";

/** O_NONBLOCK | O_CLOEXEC, which are also the bits of SOCK_…: fcntl.h, sys/socket.h. */
const NONBLOCK_CLOEXEC = 0o4000 | 0o2000000;
const AF_UNIX = 1;
const SOCK_STREAM = 1;

/** The doorbell with our handler in machine code; undefined for another CPU, or where executable pages are forbidden. */
export async function openCodeDoorbell(
  libc: Libc,
  { address, view }: RingMemory,
  onRing: () => void,
): Promise<Doorbell | undefined> {
  const code = mapCode(libc, handlerCode(process.arch, address));
  if (!code) return undefined;
  const pair = new Int32Array(2);
  const made =
    libc.runtime.wakePair === "pipe2"
      ? libc.pipe2(bytesOf(pair), NONBLOCK_CLOEXEC)
      : libc.socketpair(AF_UNIX, SOCK_STREAM | NONBLOCK_CLOEXEC, 0, bytesOf(pair));
  libc.check(made, "open a doorbell");
  const [readFd, writeFd] = pair as unknown as [number, number];
  const watch = await libc.runtime.watch(readFd, onRing);
  view.setBigUint64(ring.sequence, 0n, true);
  view.setBigUint64(ring.mask, BigInt(RINGS - 1), true);
  view.setBigUint64(ring.one, 1n, true);
  view.setInt32(ring.fd, writeFd, true);

  const handlers = new Map<number, Disposable>();
  const scratch = new Uint8Array(512);
  const sequence = (): number => view.getUint32(ring.sequence, true);
  return {
    fds: [readFd],
    get signals() {
      return [...handlers.keys()];
    },
    get sequence() {
      return sequence();
    },
    listen(signal) {
      if (!handlers.has(signal)) handlers.set(signal, installHandler(libc, signal, code.address));
    },
    since: (from) =>
      ringsSince(from, sequence(), (n) => {
        const at = ring.slots + ring.slotBytes * (n % RINGS);
        const found = {
          signal: view.getInt32(at + 8, true),
          code: view.getInt32(at + 12, true),
          pid: view.getInt32(at + 16, true),
          uid: view.getUint32(at + 20, true),
          value: view.getBigUint64(at + 24, true),
        };
        // Otherwise it is not written yet, or was overwritten meanwhile.
        return view.getUint32(at, true) === n + 1 ? found : undefined;
      }),
    drain() {
      while (libc.read(readFd, scratch, scratch.length) > 0n);
    },
    async [Symbol.asyncDispose]() {
      for (const handler of handlers.values()) handler[Symbol.dispose]();
      view.setInt32(ring.fd, -1, true);
      watch[Symbol.dispose]();
      libc.close(writeFd);
      // A handler may still run on another thread.
      await new Promise((resolve) => setTimeout(resolve, 10));
      code[Symbol.dispose]();
    },
  };
}
