/** What blocked_app.ts can hold, by name. Each returns what must stay referenced. */
import { fork, spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { linkSync, unlinkSync, watch, writeFileSync } from "node:fs";
import { type AddressInfo, connect, createServer } from "node:net";
import { join } from "node:path";
import { URL } from "node:url";
import { Worker } from "node:worker_threads";
import { bytesOf, cString } from "../../ffi/bytes.ts";
import { openBlockedCalls, unixAddress } from "./blocked_calls.ts";
import { openRestores } from "./blocked_restores.ts";

const SYS_IO_URING_SETUP = 425;
const SYS_PIDFD_OPEN = 434;
const SYS_MEMFD_SECRET = 447;
const SYS_BPF = process.arch === "arm64" ? 280 : 321;
const SYS_PTRACE = process.arch === "arm64" ? 117 : 101;
const PTRACE_SEIZE = 0x4206;
const SYS_PERF_EVENT_OPEN = process.arch === "arm64" ? 241 : 298;
const SYS_USERFAULTFD = process.arch === "arm64" ? 282 : 323;
const PROT_READ_WRITE = 3;
const MAP_SHARED = 1;
const O_DIRECT = process.arch === "arm64" ? 0o200000 : 0o40000;
const O_RDWR = 2;
const O_NOCTTY = 0o400;

const opened = (emitter: { once(event: string, callback: () => void): unknown }, event: string): Promise<void> =>
  new Promise((resolve) => emitter.once(event, resolve));

export async function openHolds(
  directory: string,
  at: string | number,
  say: (event: string, details: object) => void,
): Promise<Record<string, () => unknown | Promise<unknown>>> {
  const libc = await openBlockedCalls();
  const { calls, check, runtime } = libc;
  const file = (name: string, bytes = 1): string => {
    const path = join(directory, name);
    writeFileSync(path, new Uint8Array(bytes));
    return path;
  };
  const openFd = (path: string, flags = O_RDWR): number =>
    check(calls.open(cString(path), flags, 0o600), `open ${path}`);
  /** struct flock of x86-64 and aarch64: type, whence, start, len, pid. */
  const lock = (command: number): number => {
    const fd = openFd(file("locked"));
    const range = new Uint8Array(32);
    range[0] = 1;
    check(libc.fcntl(fd, command, runtime.addressOf(range)), "lock");
    return fd;
  };
  const mapShared = (fd: number, bytes: number): bigint =>
    check(libc.mmap(0, bytes, PROT_READ_WRITE, MAP_SHARED, fd, 0), "mmap") as bigint;
  const deleted = (name: string, bytes: number): number => {
    const fd = openFd(file(name, bytes));
    unlinkSync(join(directory, name));
    return fd;
  };
  const unixTo = (type: number): number => {
    const fd = check(calls.socket(1, type, 0), "socket");
    const address = unixAddress(String(at));
    check(calls.connect(fd, address, address.length), "connect");
    return fd;
  };
  const system = (what: string, ...args: (number | bigint)[]): number => {
    const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0, g = 0] = args;
    return Number(check(libc.syscall(a, b, c, d, e, f, g), what));
  };

  return {
    ...openRestores(libc, at),
    // What is no blocker.
    listen: async () => {
      const servers = [createServer(), createServer()];
      servers[0]?.listen(0, "127.0.0.1");
      servers[1]?.listen(join(directory, "listening"));
      await Promise.all(servers.map((server) => opened(server, "listening")));
      return servers;
    },
    abstract: () => {
      const fd = check(calls.socket(1, 1, 0), "socket");
      const address = unixAddress(`\0criu-aware-test-${process.pid}`);
      check(calls.bind(fd, address, address.length), "bind");
      return fd;
    },
    watch: () => watch(directory, () => {}),
    watchAt: () => watch(String(at), () => {}),
    udpConnected: async () => {
      const socket = createSocket("udp4");
      socket.connect(9, "127.0.0.1");
      await opened(socket, "connect");
      return socket;
    },
    worker: async () => {
      const worker = new Worker(new URL("data:text/javascript,postMessage(1);setInterval(() => {}, 1000)"));
      await opened(worker, "message");
      return worker;
    },
    child: () => spawn("sleep", ["1000"], { stdio: "ignore" }),
    piped: () => spawn("sleep", ["1000"], { stdio: ["pipe", "pipe", "pipe"] }),
    ipc: async () => {
      const child = fork(join(import.meta.dirname as string, "blocked_ipc_child.ts"), { stdio: "ignore" });
      await opened(child, "message");
      return child;
    },
    udp: async () => {
      const socket = createSocket("udp4");
      socket.bind(0, "127.0.0.1");
      await opened(socket, "listening");
      return socket;
    },
    kernel: () => [
      check(calls.eventfd(0, 0), "eventfd"),
      check(calls.timerfd_create(1, 0), "timerfd_create"),
      check(calls.signalfd(-1, new Uint8Array(8), 0), "signalfd"),
      check(calls.epoll_create1(0), "epoll_create1"),
      check(calls.inotify_init1(0), "inotify_init1"),
      check(calls.socket(16, 3, 0), "netlink"),
    ],
    devices: () => ["null", "zero", "full", "random", "urandom"].map((name) => openFd(`/dev/${name}`)),
    pair: () => {
      const fds = new Int32Array(2);
      check(libc.socketpair(1, 1, 0, new Uint8Array(fds.buffer)), "socketpair");
      return fds;
    },
    halfPair: () => {
      const fds = new Int32Array(2);
      check(libc.socketpair(1, 1, 0, new Uint8Array(fds.buffer)), "socketpair");
      libc.close(fds[1] as number);
      return fds;
    },
    memfd: () => {
      const fd = check(libc.memfd_create(cString("some-memory"), 0), "memfd_create");
      check(libc.ftruncate(fd, 4096n), "ftruncate");
      return mapShared(fd, 4096);
    },
    pidfdInside: () => {
      const child = spawn("sleep", ["1000"], { stdio: "ignore" });
      return system("pidfd_open", SYS_PIDFD_OPEN, child.pid as number);
    },
    deletedSmall: () => deleted("deleted-small", 4096),
    ptyPair: () => {
      const master = openFd("/dev/ptmx", O_RDWR | O_NOCTTY);
      check(calls.unlockpt(master), "unlockpt");
      const path = new Uint8Array(64);
      calls.ptsname_r(master, path, path.length);
      return [openFd(new TextDecoder().decode(path.subarray(0, path.indexOf(0))), O_RDWR | O_NOCTTY), master];
    },
    fifo: () => {
      const path = join(directory, "fifo");
      check(calls.mkfifo(cString(path), 0o600), "mkfifo");
      return openFd(path);
    },

    // Blockers.
    tcp: async () => {
      const socket = connect(Number(at), "127.0.0.1");
      await opened(socket, "connect");
      return socket;
    },
    selfTcp: async () => {
      // On both IPv4 and IPv6: the accepted end is an IPv6 socket with an IPv4 address.
      const server = createServer();
      server.listen(0);
      await opened(server, "listening");
      const client = connect((server.address() as AddressInfo).port, "127.0.0.1");
      const accepted = new Promise((resolve) => server.once("connection", resolve));
      await opened(client, "connect");
      return [server, client, await accepted];
    },
    fetch: async () => (await fetch(`http://127.0.0.1:${at}/`)).text(),
    unixStream: () => unixTo(1),
    unixDatagram: () => unixTo(2),
    flock: () => {
      const fd = openFd(file("locked"));
      check(calls.flock(fd, 2), "flock");
      return fd;
    },
    posixLock: () => lock(6),
    ofdLock: () => lock(37),
    busyListener: () => {
      // Nobody accepts: a server of the runtime would.
      const fd = check(calls.socket(2, 1, 0), "socket");
      check(calls.listen(fd, 8), "listen");
      const address = new Uint8Array(16);
      check(calls.getsockname(fd, address, bytesOf(new Uint32Array([16]))), "getsockname");
      say("listening", { port: ((address[2] as number) << 8) | (address[3] as number) });
      return fd;
    },
    lease: () => {
      const fd = openFd(file("leased"), 0);
      check(libc.fcntl(fd, 1024, 0), "lease");
      return fd;
    },
    sqlite: async () => {
      const { Database } = await import("bun:sqlite");
      const database = new Database(join(directory, "data.sqlite"));
      database.run("PRAGMA journal_mode = WAL");
      database.run("CREATE TABLE t (a)");
      return database;
    },
    deletedLarge: () => deleted("deleted-large", 2 << 20),
    deletedMapping: () => {
      const fd = deleted("deleted-mapping", 2 << 20);
      const address = mapShared(fd, 2 << 20);
      libc.close(fd);
      return address;
    },
    linked: () => {
      const path = file("linked");
      linkSync(path, join(directory, "another-name"));
      const fd = openFd(path);
      unlinkSync(path);
      return fd;
    },
    fuse: () => openFd("/dev/fuse"),
    device: () => openFd(String(at)),
    trace: () => system("ptrace", SYS_PTRACE, PTRACE_SEIZE, Number(at), 0, 0),
    tun: () => openFd("/dev/net/tun"),
    ioUring: () => system("io_uring_setup", SYS_IO_URING_SETUP, 8, runtime.addressOf(new Uint8Array(120))),
    ioUringMapped: () => {
      const fd = system("io_uring_setup", SYS_IO_URING_SETUP, 8, runtime.addressOf(new Uint8Array(120)));
      return mapShared(fd, 4096);
    },
    userfaultfd: () => system("userfaultfd", SYS_USERFAULTFD, 1),
    memfdSecret: () => {
      const fd = system("memfd_secret", SYS_MEMFD_SECRET, 0);
      check(libc.ftruncate(fd, 4096n), "ftruncate");
      return mapShared(fd, 4096);
    },
    perfEvent: () => {
      const attributes = new Uint8Array(128);
      const view = new DataView(attributes.buffer);
      view.setUint32(0, 1, true);
      view.setUint32(4, 128, true);
      return system("perf_event_open", SYS_PERF_EVENT_OPEN, runtime.addressOf(attributes), 0, -1, -1, 0);
    },
    bpf: () => {
      const attributes = new Uint8Array(128);
      const view = new DataView(attributes.buffer);
      for (const [i, value] of [2, 4, 4, 1].entries()) view.setUint32(i * 4, value, true);
      return system("bpf", SYS_BPF, 0, runtime.addressOf(attributes), 128);
    },
    pidfdOutside: () => system("pidfd_open", SYS_PIDFD_OPEN, Number(at)),
    packetPipe: () => {
      const fds = new Int32Array(2);
      check(libc.pipe2(new Uint8Array(fds.buffer), O_DIRECT), "pipe2");
      return fds;
    },
    sysvShm: () => {
      const id = check(calls.shmget(0, 4096, 0o1600), "shmget");
      const address = check(calls.shmat(id, 0, 0), "shmat");
      // Gone with the last process that has it.
      check(calls.shmctl(id, 0, 0), "shmctl");
      return address;
    },
    netlinkData: () => {
      const fd = check(calls.socket(16, 3, 0), "netlink");
      const dump = new Uint8Array(20);
      const view = new DataView(dump.buffer);
      view.setUint32(0, 20, true);
      view.setUint16(4, 18, true);
      view.setUint16(6, 0x301, true);
      calls.write(fd, dump, 20);
      return fd;
    },
    vsock: () => check(calls.socket(40, 1, 0), "socket"),
    packet: () => check(calls.socket(17, 3, 0), "socket"),
    terminal: () => openFd(String(at), O_RDWR | O_NOCTTY),
    path: () => openFd(String(at), 0),
    namedShm: () => {
      const fd = check(calls.shm_open(cString(`/criu-aware-test-${process.pid}`), 0o102, 0o600), "shm_open");
      check(libc.ftruncate(fd, 4096n), "ftruncate");
      return mapShared(fd, 4096);
    },
    parasite: () => {
      const fd = check(libc.memfd_create(cString("CRIUMFD"), 0), "memfd_create");
      check(libc.ftruncate(fd, 4096n), "ftruncate");
      return mapShared(fd, 4096);
    },
  };
}
