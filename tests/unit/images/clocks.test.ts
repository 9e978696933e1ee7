/** The clocks in a dump: read, and written anew for another moment. */
import assert from "node:assert/strict";
import { readdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { clocksReadAt, readClocks, writeClocks } from "../../../images/clocks.ts";
import { clockTimesFields } from "../../../images/messages/clocks.ts";
import { describeImages, ImageError } from "../../../images/mod.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";
import { image, message, writeImages } from "../../support/written_images.ts";

const times = {
  monotonic: { tvSec: 1000n, tvNsec: 999_999_999n },
  boottime: { tvSec: 2000n, tvNsec: 5n },
};
const whole = image("timens", message(clockTimesFields, times));

test("the clocks of each time namespace are read, to the nanosecond", () => {
  using directory = temporaryDirectory();
  assert.deepEqual(readClocks(directory.path), []);
  for (const name of ["timens-0.img", "timens-12.img", "timens.img", "xtimens-1.img"]) {
    writeFileSync(join(directory.path, name), whole);
  }
  assert.deepEqual(
    readClocks(directory.path).sort((a, b) => a.name.localeCompare(b.name)),
    [
      { name: "timens-0.img", monotonic: 1_000_999_999_999n, boottime: 2_000_000_000_005n },
      { name: "timens-12.img", monotonic: 1_000_999_999_999n, boottime: 2_000_000_000_005n },
    ],
  );
});

test("later clocks are written with the carry of their nanoseconds, in the place of those before", () => {
  using from = temporaryDirectory();
  using to = temporaryDirectory();
  writeFileSync(join(from.path, "timens-0.img"), whole);
  writeClocks(to.path, readClocks(from.path), 1500);
  assert.deepEqual(readdirSync(to.path), ["timens-0.img"]);
  assert.deepEqual(readClocks(to.path), [
    { name: "timens-0.img", monotonic: 1_002_499_999_999n, boottime: 2_001_500_000_005n },
  ]);
  writeClocks(to.path, readClocks(from.path), 0);
  assert.deepEqual(readClocks(to.path), readClocks(from.path));
  assert.deepEqual(readdirSync(to.path), ["timens-0.img"]);
});

test("a clock that is truncated, of another kind or no time is an error that names the file", () => {
  const wrong: readonly [Buffer, RegExp][] = [
    [whole.subarray(0, -3), /truncated/],
    [image("timens"), /no content/],
    [image("core", message(clockTimesFields, times)), /no timens image/],
    [
      image("timens", message(clockTimesFields, { ...times, boottime: { tvSec: 1n, tvNsec: 1_000_000_000n } })),
      /damaged/,
    ],
  ];
  for (const [bytes, reason] of wrong) {
    using directory = temporaryDirectory();
    writeFileSync(join(directory.path, "timens-0.img"), bytes);
    assert.throws(
      () => readClocks(directory.path),
      (error) => error instanceof ImageError && error.file.endsWith("timens-0.img") && reason.test(error.reason),
    );
  }
});

test("when the clocks were read is the time of their file, to a tick, and is in what describes the images", async () => {
  using directory = temporaryDirectory();
  writeImages(directory.path);
  assert.equal(clocksReadAt(directory.path), undefined);
  assert.equal((await describeImages(directory.path)).clocksReadAt, undefined);
  const path = join(directory.path, "timens-0.img");
  writeFileSync(path, whole);
  utimesSync(path, 0, 1_700_000_000);
  assert.equal(clocksReadAt(directory.path), 1_700_000_000_010);
  assert.equal((await describeImages(directory.path)).clocksReadAt, 1_700_000_000_010);
});
