/** How the clock of a restored tree is to go on, and the images that make it so. */
import assert from "node:assert/strict";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { UsageError } from "../../../criu/usage_error.ts";
import { planClock } from "../../../driver/clock.ts";
import { timeOffsets } from "../../../ffi/process.ts";
import { readClocks } from "../../../images/clocks.ts";
import type { Manifest } from "../../../images/manifest_shape.ts";
import { clockTimesFields } from "../../../images/messages/clocks.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";
import { waitFor } from "../../support/time.ts";
import { image, message, writeImages } from "../../support/written_images.ts";

const SECOND = 1_000_000_000n;
const HOUR_MS = 3_600_000;
const skip = timeOffsets() === "" && "this kernel has no time namespaces";

/** A dump with its clocks at 1,000 and 2,000 s, and a place to work in. */
function scene(others: Readonly<Record<string, Uint8Array | undefined>> = {}) {
  const directory = temporaryDirectory();
  const [images, work] = [join(directory.path, "images"), join(directory.path, "work")];
  for (const path of [images, work]) mkdirSync(path, { mode: 0o700 });
  const times = { monotonic: { tvSec: 1000n, tvNsec: 0n }, boottime: { tvSec: 2000n, tvNsec: 0n } };
  writeImages(images, { "timens-0.img": image("timens", message(clockTimesFields, times)), ...others });
  return { ...directory, images, work };
}

/** What of a manifest counts here. */
const readAt = (clocksReadAt: number): Manifest => ({ clocksReadAt }) as Manifest;
const hourAgo = (): Manifest => readAt(Date.now() - HOUR_MS);

/** What is planned, in short. */
function told(images: string, manifest: Manifest | undefined, options: Parameters<typeof planClock>[2] = {}): string[] {
  return planClock(images, manifest, options).problems.map(({ severity, kind, what, cure }) => {
    assert.ok(kind === "clock" && cure.length > 10);
    return `${severity}: ${what}`;
  });
}

test("the clocks are later by the time as an image, in links beside the images, which are gone afterwards", {
  skip,
}, () => {
  using directory = scene();
  const { images, work } = directory;
  const before = readdirSync(images).map((name) => [name, readFileSync(join(images, name), "hex")]);
  const plan = planClock(images, hourAgo(), {});
  assert.deepEqual(plan.problems, []);
  {
    using made = plan.images(work);
    assert.ok(made.path.startsWith(`${work}/`));
    const [clocks] = readClocks(made.path);
    assert.ok(
      clocks && clocks.monotonic >= 4600n * SECOND && clocks.monotonic < 4700n * SECOND,
      `${clocks?.monotonic}`,
    );
    assert.equal(clocks.boottime - clocks.monotonic, 1000n * SECOND);
    for (const [name, content] of before as [string, string][]) {
      const path = join(made.path, name);
      assert.equal(lstatSync(path).isSymbolicLink(), name !== "timens-0.img", name);
      if (name !== "timens-0.img") assert.equal(readFileSync(path, "hex"), content);
    }
  }
  assert.deepEqual(readdirSync(work), []);
  assert.deepEqual(
    readdirSync(images).map((name) => [name, readFileSync(join(images, name), "hex")]),
    before,
  );
});

test("the clocks run on for as long as CRIU may read them, and at its next start", { skip }, async () => {
  using directory = scene();
  const plan = planClock(directory.images, hourAgo(), {});
  const read = ({ path }: { path: string }): bigint => readClocks(path)[0]?.monotonic ?? 0n;
  let last: bigint;
  {
    using images = plan.images(directory.work);
    const first = read(images);
    await waitFor("the clock", () => read(images) > first);
    last = read(images);
  }
  using again = plan.images(directory.work);
  assert.ok(read(again) >= last);
});

test("with continue the images are those of the dump, whatever there is in them", () => {
  using directory = scene({ "timens-0.img": undefined });
  const plan = planClock(directory.images, undefined, { clock: "continue" });
  using images = plan.images(directory.work);
  assert.deepEqual([plan.problems, images.path], [[], directory.images]);
});

test("a machine whose time of day is before that of the dump never turns a clock back, and it is said", {
  skip,
}, () => {
  using directory = scene();
  const manifest = readAt(Date.now() + HOUR_MS);
  for (const clock of ["wall", undefined] as const) {
    const [problem] = told(directory.images, manifest, clock ? { clock } : {});
    assert.match(
      `${problem}`,
      /^warning: It was dumped in the future of this machine \(\d{4}-.*goes on from where it was/,
    );
    using images = planClock(directory.images, manifest, {}).images(directory.work);
    assert.equal(images.path, directory.images);
  }
});

test("without a manifest the time of the file counts, and it is said; any number is a time", { skip }, () => {
  using directory = scene();
  utimesSync(join(directory.images, "timens-0.img"), 0, Date.now() / 1000 - 60);
  assert.match(`${told(directory.images, undefined)}`, /^warning: There is no manifest: .*the time of timens-0\.img/);
  using images = planClock(directory.images, undefined, {}).images(directory.work);
  const [clocks] = readClocks(images.path);
  assert.ok(clocks && clocks.monotonic >= 1059n * SECOND && clocks.monotonic < 1100n * SECOND);
  assert.match(`${told(directory.images, readAt(Number.MAX_SAFE_INTEGER))}`, /in the future/);
});

test("what cannot be refuses a restore that asks for it, and is a warning by default", { skip }, () => {
  const cases: readonly [Readonly<Record<string, Uint8Array | undefined>>, object, RegExp][] = [
    [{ "timens-0.img": undefined }, {}, /holds no clocks/],
    [{ "timens-0.img": image("timens") }, {}, /timens-0\.img is truncated/],
    [{ "mountpoints-12.img": image("core") }, {}, /mount namespace of its own: .*stands still/],
    [{}, { unprivileged: true }, /--unprivileged: .*of this machine/],
  ];
  for (const [files, criuOptions, reason] of cases) {
    using directory = scene(files);
    const { images, work } = directory;
    for (const [clock, severity] of [
      [{ clock: "wall" }, "error"],
      [{}, "warning"],
    ] as const) {
      const [problem = ""] = told(images, hourAgo(), { ...clock, criuOptions });
      assert.match(problem, reason);
      assert.ok(problem.startsWith(severity), problem);
    }
    using made = planClock(images, hourAgo(), { criuOptions }).images(work);
    assert.equal(made.path, images);
  }
});

test("a place without room for links is a usage error with the option that helps, and nothing is left", {
  skip,
}, () => {
  using directory = scene();
  const nowhere = join(directory.path, "nowhere");
  const plan = planClock(directory.images, hourAgo(), {});
  assert.throws(
    () => plan.images(nowhere),
    (error) => error instanceof UsageError && /nowhere.*--work-dir.*--clock=continue/.test(error.message),
  );
  // A second file of this name cannot be made: what was begun is removed.
  writeFileSync(join(directory.path, "file"), "");
  assert.throws(() => plan.images(join(directory.path, "file")), UsageError);
  assert.ok(!existsSync(nowhere));
});
