import assert from "node:assert/strict";
import { test } from "node:test";
import { type MemoryRange, wipeOnForkRanges } from "../../../ffi/wipe_on_fork.ts";

const mapping = (header: string, flags: string): string => `${header}\nSize: 4 kB\nRss: 4 kB\nVmFlags: ${flags}\n`;
const smaps = [
  mapping("7f0000001000-7f0000002000 rw-p 00000000 00:00 0 ", "rd wr mr mw me ac wf"),
  mapping("7f0000002000-7f0000003000 rw-p 00000000 00:00 0 ", "rd wr mr mw me ac"),
  mapping("7f0000003000-7f0000004000 r--p 00000000 00:00 0 ", "rd mr mw me wf"),
  mapping("7f0000004000-7f0000005000 rw-s 00000000 00:01 7 /memfd:x (deleted)", "rd wr sh wf"),
  mapping("7f0000006000-7f0000008000 rw-p 00000000 00:00 0 [anon:wf]", "rd wr mr mw me ac"),
].join("");
const first: MemoryRange = { address: 0x7f0000001000n, bytes: 4096 };
const second: MemoryRange = { address: 0x7f0000002000n, bytes: 4096 };

test("private memory that can be written and has the flag wf is found, and nothing else", () => {
  assert.deepEqual(wipeOnForkRanges([], smaps), [first]);
});

test("memory that had the flag before counts while it is mapped as it was", () => {
  assert.deepEqual(wipeOnForkRanges([first, second], smaps), [first, second]);
  assert.deepEqual(
    wipeOnForkRanges(
      [
        { ...second, bytes: 8192 },
        { address: 0x1000n, bytes: 4096 },
      ],
      smaps,
    ),
    [first],
  );
});
