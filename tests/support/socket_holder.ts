/** Opens so many sockets, prints their inodes in one line, and stays: `socket_holder.ts COUNT`. */
import { readlinkSync } from "node:fs";
import { openLibc } from "../../ffi/libc.ts";
import { openUnixSocket } from "../../ffi/unix_socket.ts";

const libc = await openLibc();
const held = Array.from({ length: Number(process.argv[2]) }, () => openUnixSocket(libc));
console.log(held.map((fd) => /\d+/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[0]).join(" "));
setInterval(() => {}, 1000);
