import assert from "node:assert/strict";
import fc from "fast-check";
import { parseLocks } from "../../blockers/files.ts";
import { parseMappings } from "../../blockers/mappings.ts";
import { parseAddress, parseInet, parseNetlink } from "../../blockers/net_tables.ts";
import { parseMount } from "../../blockers/proc.ts";
import { parseUnixSockets } from "../../blockers/unix_diag.ts";
import { canBeOpened, watchedIn } from "../../blockers/watches.ts";
import { statusField } from "../../ffi/status_field.ts";
import type { Border } from "./border.ts";
import { isSafe } from "./expect.ts";
import { damaged, text } from "./inputs.ts";

const kernel = {
  status: "Name:\tbun\nUmask:\t0022\nState:\tS (sleeping)\nNSpid:\t7\t1\nUid:\t0\t0\t0\t0\nSigCgt:\t0000000180014000",
  inotify:
    "pos:\t0\nflags:\t00\ninotify wd:1 ino:2a sdev:800013 mask:2 ignored_mask:0 fhandle-bytes:8 fhandle-type:1 f_handle:2a\n",
  lock: "pos:\t0\nflags:\t02\nlock:\t1: POSIX  ADVISORY  WRITE 12 00:2a:7 0 EOF\nlock:\t2: OFDLCK ADVISORY READ 1 0:0:0 0 9",
  mountinfo: "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 - ext3 /dev/root rw,errors=continue",
  tcp: "   0: 0100007F:1F90 0200007F:0050 01 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 20 4 30 10 -1",
  netlink: "sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode\n00000000 0 12 00000000 7 0 0 2 0 4711",
  maps: "7f00-7f01 rw-s 00000000 00:01 77    /memfd:criu-aware (deleted)\n7f02-7f03 r-xp 00000000 08:01 5   /usr/bin/bun",
};
const texts = fc.oneof(...Object.values(kernel).map((text) => fc.constant(text)));
const bytes = texts.map((text) => new TextEncoder().encode(text));
const given = fc.oneof(
  texts,
  damaged(bytes).map((bytes) => new TextDecoder().decode(bytes)),
  fc.tuple(texts, text(), texts).map((parts) => parts.join("\n")),
  fc.array(text(), { maxLength: 5 }).map((lines) => lines.join("\n")),
);

const byte = fc.oneof(fc.constantFrom(0, 0, 0xff), fc.nat(255));
const hosts = fc.oneof(
  ...[4, 16].map((length) => fc.array(byte, { minLength: length, maxLength: length })),
  fc.array(byte, { minLength: 4, maxLength: 4 }).map((last) => [...Array(10).fill(0), 0xff, 0xff, ...last]),
);

/** What the kernel tells of processes that choose their names, paths and files themselves. */
export const procTexts: Border = {
  name: "proc-texts",
  runs: 3000,
  open: () =>
    fc.property(given, text(), hosts, fc.nat(65_535), (text, name, host, port) => {
      const lines = text.split("\n");
      // The name of a process stands in the first line of its status, and has no newline.
      const forged = `Name:\t${name.replaceAll("\n", "")}\nUid:\t7\t7\t7\t7`;
      assert.equal(statusField(forged, "Uid"), "7\t7\t7\t7");
      for (const key of ["Uid", "SigCgt", "Pid"]) {
        const field = statusField(text, key);
        assert.ok(field === undefined || !field.includes("\n"));
      }
      for (const line of lines) {
        const mount = parseMount(line);
        for (const part of [mount.device, mount.point, mount.fileSystem, mount.options])
          assert.equal(typeof part, "string");
        for (const watched of watchedIn(line)) assert.equal(typeof canBeOpened(mount, watched), "boolean");
      }
      for (const { inode, device, handleType = 0 } of watchedIn(text)) {
        assert.ok(inode >= 0 && handleType >= 0);
        assert.match(device, /^\d+:\d+$/);
      }
      for (const kind of parseLocks(text)) isSafe(kind);
      for (const { state, local, remote, pending, inode } of parseInet(lines)) {
        assert.ok(["connected", "listening", "closed"].includes(state) && inode > 0 && pending >= 0);
        for (const end of [local, remote]) isSafe(parseAddress(end));
      }
      for (const pair of parseNetlink(lines)) assert.equal(pair.length, 2);
      for (const { range, path } of parseMappings(lines)) assert.ok(range !== "" && /^(\/|anon_inode:)/.test(path));
      isAddress(host, port);
    }),
};

/** The address of a host, as the kernel writes it, is read as the same one. */
function isAddress(bytes: readonly number[], port: number): void {
  const isFour = bytes.length === 4;
  const words = Array.from({ length: bytes.length / 4 }, (_, i) => bytes.slice(4 * i, 4 * i + 4).reverse());
  const hex = words.flat().map((byte) => byte.toString(16).padStart(2, "0").toUpperCase());
  const found = parseAddress(`${hex.join("")}:${port.toString(16).padStart(4, "0").toUpperCase()}`);
  const same = (text: string): string => new URL(`http://${text}`).host;
  const mapped = /^(?:0:){5}ffff:/.test(groupsOf(bytes).join(":")) && !isFour;
  if (mapped) assert.equal(found, `${bytes.slice(12).join(".")}:${port}`);
  else
    assert.equal(same(found), same(isFour ? `${bytes.join(".")}:${port}` : `[${groupsOf(bytes).join(":")}]:${port}`));
}

function groupsOf(bytes: readonly number[]): string[] {
  return Array.from({ length: bytes.length / 2 }, (_, i) =>
    (((bytes[2 * i] as number) << 8) | (bytes[2 * i + 1] as number)).toString(16),
  );
}

/** One socket, as sock_diag(7) tells it. */
function message(inode: number, attributes: readonly (readonly [type: number, content: Uint8Array])[]): Uint8Array {
  const parts = attributes.map(([type, content]) => {
    const part = new Uint8Array((4 + content.length + 3) & ~3);
    new DataView(part.buffer).setUint16(0, 4 + content.length, true);
    new DataView(part.buffer).setUint16(2, type, true);
    part.set(content, 4);
    return part;
  });
  const body = Buffer.concat(parts);
  const whole = new Uint8Array(32 + body.length);
  const view = new DataView(whole.buffer);
  view.setUint32(0, whole.length, true);
  view.setUint16(4, 20, true);
  whole.set([1, 1, 1, 0], 16);
  view.setUint32(20, inode, true);
  whole.set(body, 32);
  return whole;
}

const attribute = fc.tuple(fc.constantFrom(0, 2, 3, 6, 9), fc.uint8Array({ maxLength: 12 }));
const messages = fc
  .array(fc.tuple(fc.nat(), fc.array(attribute, { maxLength: 4 })), { maxLength: 3 })
  .map((all) => new Uint8Array(Buffer.concat(all.map(([inode, attributes]) => message(inode, attributes)))));

/** The kernel's answer about unix sockets, whose names their owners choose. */
export const unixSockets: Border = {
  name: "unix-sockets",
  runs: 3000,
  open: () =>
    fc.property(fc.oneof(messages, damaged(messages), fc.uint8Array({ maxLength: 100 })), (bytes) => {
      const { sockets, end } = parseUnixSockets(bytes);
      assert.ok([undefined, "done", "error"].includes(end));
      for (const { inode, name, peer, pending } of sockets) {
        assert.equal(typeof name, "string");
        for (const number of [inode, peer, ...pending]) assert.ok(Number.isSafeInteger(number) && number >= 0);
      }
    }),
};
