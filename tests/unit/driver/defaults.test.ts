/** The options of CRIU that a dump gets unasked. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { dumpDefaults, dumpOptionsOf } from "../../../driver/defaults.ts";
import { startScript } from "../../support/child.ts";
import { noNobody, startScriptAsNobody } from "../../support/nobody.ts";

// Nobody can open the watch of a directory of /proc again by its handle.
const directory = "/proc/sys/kernel";

test("CRIU is told to search the directory of a marker, and none that is not of the app's user alone", {
  skip: noNobody,
}, async () => {
  await using own = startScript("watching_app.ts", directory);
  await own.nextLine();
  assert.deepEqual((await dumpOptionsOf(own.pid, {})).irmapScanPath, [directory]);
  await using hostile = startScriptAsNobody("watching_app.ts", directory);
  await hostile.nextLine();
  assert.equal((await dumpOptionsOf(hostile.pid, {})).irmapScanPath, undefined);
});

test("an app that goes on keeps its TCP connections, unless the driver has another option for them", () => {
  assert.equal(dumpDefaults({}, true).tcpClose, true);
  assert.equal(dumpDefaults({ tcpEstablished: true }, true).tcpClose, undefined);
  assert.equal(dumpDefaults({}, false).tcpClose, undefined);
});
