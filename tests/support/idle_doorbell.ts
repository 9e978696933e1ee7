/** Opens a doorbell and has nothing more to do. Arguments: [ARCH [SIGNAL]]. */
import { openBell } from "./bell.ts";

const [arch, signal = "23"] = process.argv.slice(2);
const bell = await openBell(arch);
bell.doorbell.listen(Number(signal));
console.log("open");
