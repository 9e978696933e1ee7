import { openSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { openLibc } from "../../ffi/libc.ts";
import { openBlockedCalls } from "./blocked_calls.ts";
import { scanBlockers } from "../../criu/blockers/mod.ts";
const mode = process.argv[2]; const d = mkdtempSync("/tmp/blk-m");
const libc = await openLibc(); const { calls } = await openBlockedCalls();
for (let i = 0; i < (mode === "few" ? 20 : 1000); i++) {
  if (mode === "files" || (mode === "mix" && i % 4 === 0)) { writeFileSync(`${d}/${i}`, "x"); openSync(`${d}/${i}`, "r"); }
  else if (mode === "unix" || (mode === "mix" && i % 4 === 1)) { if (i % 2 === 0 || mode === "mix") libc.socketpair(1, 1, 0, new Uint8Array(8)); }
  else if (mode === "tcp" || (mode === "mix" && i % 4 === 2)) { const fd = calls.socket(2, 1, 0); calls.listen(fd, 8); }
  else openSync("/dev/null", "r");
}
const xs: number[] = [];
for (let i = 0; i < 40; i++) { const a = performance.now(); scanBlockers(libc, [process.pid], {}, true); xs.push(performance.now() - a); }
const first = xs[0]!; xs.sort((a, b) => a - b);
console.log(mode, "first", first.toFixed(2), "min", xs[0]!.toFixed(2), "median", xs[20]!.toFixed(2));

rmSync(d, { recursive: true }); process.exit(0);
