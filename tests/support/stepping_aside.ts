/** Its own threads have ids that the images in argv[2] need: does it start anew? argv[3]: whether the images are trusted. */
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { stepAside } from "../../cli/step_aside.ts";
import { taskFields } from "../../images/messages/tree.ts";
import { image, message, PARENT } from "./written_images.ts";

const [directory, trust] = process.argv.slice(2) as [string, string];
const isSecond = process.env.CRIU_AWARE_STEPPED_ASIDE !== undefined;
if (!isSecond) {
  const threads = readdirSync("/proc/self/task")
    .map(Number)
    .filter((id) => id !== process.pid);
  const task = message(taskFields, { pid: PARENT, ppid: 0, pgid: PARENT, sid: PARENT, threads: [PARENT, ...threads] });
  writeFileSync(join(directory, "pstree.img"), image("pstree", task));
}
await stepAside(directory, trust === "trust");
console.log(isSecond ? "started anew" : "went on");
