/** Hands the CUDA work of a process over, and then does nothing until it is killed: `cuda_dying_driver.ts LIBRARY PID` */
import { openCudaProcesses } from "../../driver/cuda/processes.ts";

const [library, pid] = process.argv.slice(2) as [string, string];
const cuda = await openCudaProcesses({ library });
await cuda.suspend([Number(pid)]);
console.log("suspended");
setInterval(() => cuda, 1000);
