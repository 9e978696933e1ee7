// In any runtime: a library and an app play two checkpoints.
import { register } from "criu-aware/registry";
import { attach } from "criu-aware/simulate";

const seen = [];
register({ name: "library", afterRestore: ({ outcome }) => void seen.push(`library ${outcome}`) });
const agent = await attach();
agent.register({ name: "app", beforeCheckpoint: () => void seen.push("asked") });
seen.push(await agent.checkpoint(), await agent.checkpoint({ outcome: "aborted" }));
const expected = "asked, library restored, asked, library aborted, restored, aborted";
if (seen.join(", ") !== expected) throw new Error(`${seen.join(", ")}, and not ${expected}`);
