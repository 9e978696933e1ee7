/** Opens a doorbell and has nothing more to do. */
import { openBell } from "./bell.ts";

const bell = await openBell();
bell.doorbell.listen(23);
console.log("open");
