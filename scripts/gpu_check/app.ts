/** The app that gpu_check takes through CRIU: `app.ts '{"gpu":0,"bytes":1048576,"way":"typed"}'`. It prints lines of JSON. */
import { crc32 } from "node:zlib";
import { attach } from "../../attach.ts";
import { cuda } from "../../gpu/cuda/mod.ts";
import { defineState, openState, tensor } from "../../gpu/mod.ts";
import { signal } from "../../strategies/signal/agent.ts";
import { fill } from "./measure.ts";

const options: { gpu: number; bytes: number; way: "typed" | "transparent"; library?: string } = JSON.parse(
  process.argv[2] as string,
);
const { bytes, way } = options;
const say = (event: object): void => console.log(JSON.stringify(event));

const device = await cuda(options);
const pattern = fill(bytes);
const expected = crc32(pattern);
let buffer = await device.allocate("u8", [bytes]);
device.upload(buffer, pattern);
await device.fence();
const state = await openState(defineState({ data: tensor("u8", [bytes]) }));
const agent = await attach({ strategies: [signal()], hookTimeoutMs: 60_000 });

if (way === "typed") {
  agent.register({
    name: "model",
    tier: "device",
    async beforeCheckpoint() {
      await device.fence();
      using writer = state.begin();
      device.download(buffer, writer.views.data);
      await device.fence();
      writer.commit();
      device.release(buffer);
      // The driver keeps its files open; gpu_check has them closed by the process checkpoint.
      device.suspend(["cuda"]);
    },
    async afterRestore() {
      device.resume();
      buffer = await device.allocate("u8", [bytes]);
      using saved = state.read();
      device.upload(buffer, saved.views.data);
      await device.fence();
    },
  });
}
agent.register({
  name: "check",
  async afterRestore({ outcome }) {
    const view = new Uint8Array(bytes);
    device.download(buffer, view);
    await device.fence();
    say({ outcome, exact: crc32(view) === expected });
  },
});
say({ ready: true });
setInterval(() => {}, 1000);
