/** Who holds the other ends of the tree's sockets, on a machine where somebody else has very many. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createOutside, findHolders } from "../../../blockers/holders.ts";
import { createReport } from "../../../blockers/report.ts";
import { openLibc } from "../../../ffi/libc.ts";
import { startScript } from "../../support/child.ts";

const LONG = 60_000;
async function startHolder(count: number): Promise<AsyncDisposable & { pid: number; inodes: number[] }> {
  const child = startScript("socket_holder.ts", count);
  const inodes = (await child.nextLine()).split(" ").map(Number);
  return { pid: child.pid, inodes, [Symbol.asyncDispose]: () => child[Symbol.asyncDispose]() };
}

test("findHolders() goes once through the processes for all sockets, and no further than it must", async () => {
  await using first = await startHolder(500);
  await using second = await startHolder(1);
  let asked = 0;
  function* pids(): Generator<number> {
    for (const pid of [first.pid, second.pid, process.pid]) {
      asked++;
      yield pid;
    }
  }
  const wanted = new Set([...first.inodes, ...second.inodes]);
  const found = findHolders(wanted, pids(), { milliseconds: LONG, descriptors: 20_000 });
  assert.equal(found.size, 501);
  assert.ok(first.inodes.every((inode) => found.get(inode) === first.pid));
  assert.equal(found.get(second.inodes[0] as number), second.pid);
  assert.equal(asked, 2);
});

test("findHolders() passes over a process with more descriptors than it may look at, and finds the next one", async () => {
  await using flood = await startHolder(3000);
  await using other = await startHolder(1);
  const wanted = new Set([...flood.inodes, ...other.inodes]);
  const found = findHolders(wanted, [flood.pid, other.pid], { milliseconds: LONG, descriptors: 2000 });
  assert.deepEqual([...found], [[other.inodes[0], other.pid]]);
});

test("findHolders() ends when its descriptors or its time are used up", async () => {
  await using one = await startHolder(1);
  const wanted = new Set(one.inodes);
  // The first one uses up all but a few of them.
  let asked = 0;
  function* endless(): Generator<number> {
    for (;;) {
      asked++;
      yield process.pid;
    }
  }
  assert.equal(findHolders(wanted, endless(), { milliseconds: LONG, descriptors: 3000 }).size, 0);
  assert.ok(asked < 3000);
  assert.equal(findHolders(wanted, [one.pid], { milliseconds: -1, descriptors: 20_000 }).size, 0);
  assert.equal(findHolders(wanted, [one.pid], { milliseconds: LONG, descriptors: 20_000 }).size, 1);
});

test("a holder is named for what blocks, and not searched for what an option cures", async () => {
  await using one = await startHolder(1);
  const libc = await openLibc();
  const whoWith = (extUnixSk: boolean): string | undefined => {
    const report = createReport({ extUnixSk }, []);
    const scope = {
      libc,
      pids: [process.pid],
      tree: new Set([process.pid]),
      isOwn: false,
      report,
      goesOn: false,
      deleted: new Set<string>(),
    };
    const outside = createOutside(scope, { milliseconds: LONG, descriptors: 1_000_000 });
    outside.add("unix-datagram", one.inodes[0], "a name", { pid: process.pid, fd: 9, what: "a socket" });
    outside.report();
    assert.equal(report.blockers[0]?.blocking, !extUnixSk);
    return report.blockers[0]?.who;
  };
  assert.match(whoWith(false) ?? "", new RegExp(`^a name, process ${one.pid} `));
  assert.equal(whoWith(true), "a name");
});
