import assert from "node:assert/strict";
import { rmSync } from "node:fs";
import { aliveSince } from "../../ffi/process.ts";
import { waitFor } from "../support/time.ts";
import {
  checkApp,
  checkError,
  checkHoldings,
  checkNoImages,
  checkNothingLeft,
  checkNotTaken,
  holdingsOf,
} from "./checks.ts";
import { answerOf, type Cell, type Expected } from "./kinds.ts";
import { type End, Scene } from "./scene.ts";

/** Runs one cell of the table: rejects when something is not as it must be. */
export async function runCell(cell: Cell): Promise<void> {
  const expected = answerOf(cell) as Expected;
  await using scene = await Scene.open(cell);
  const { pid } = scene.app;
  const before = holdingsOf(pid);
  await play(scene, expected);
  await scene.lift();
  if (expected.ends) {
    await scene.app.ended();
  } else {
    await checkApp(scene);
    await cell.fault.check?.(scene);
    if (!expected.forGood) {
      await playAgain(scene);
      await checkHoldings(() => holdingsOf(pid), before, "the app", cell.fault.mayHold);
    }
  }
  await checkNothingLeft(scene, expected);
}

/** The checkpoint that the fault meets. When it is over the app runs, or has ended for good. */
async function play(scene: Scene, expected: Expected): Promise<void> {
  const { fault } = scene.cell;
  const { refused, mayBeDone, leaves, unrestored, failures, dies } = expected;
  const dumped = await scene.dump();
  scene.kept.set("error", dumped.error?.message);
  if (fault.driver) return await afterAnotherDriver(scene, expected, dumped);
  if (refused && !(mayBeDone && !dumped.error)) {
    checkError(dumped, refused, "dump");
    if (leaves) await checkNotTaken(scene);
    else checkNoImages(scene);
    return;
  }
  assert.ok(!dies && !dumped.error, `the dump failed: ${dumped.error?.stack}`);
  const restored = await scene.restore();
  if (unrestored) {
    checkError(restored, unrestored, "restore");
    await scene.lift();
    mustBeDone(await scene.restore(true));
    return;
  }
  mustBeDone(restored, failures);
}

/** A driver of its own has done, or has died. */
async function afterAnotherDriver(scene: Scene, { refused, dies }: Expected, end: End): Promise<void> {
  if (refused) {
    checkError(end, refused, "dump");
    checkNoImages(scene);
    return;
  }
  assert.equal(end.error, undefined, `the driver failed: ${end.error?.message}`);
  assert.equal(end.isKilled === true, dies === true, "the driver has not ended as it should");
  const { pid } = scene.app;
  if (scene.cell.phase === "restoring") await waitFor("its end", () => aliveSince(pid) === undefined, 10_000);
  if (aliveSince(pid) !== undefined) {
    // What the dead could not remove is taken for no dump.
    if (scene.hasImages && scene.cell.phase === "frozen") await checkNotTaken(scene);
    rmSync(scene.imagesDir, { recursive: true, force: true });
    return;
  }
  await scene.lift();
  mustBeDone(await scene.restore(true));
}

function mustBeDone({ error, restored }: End, failures?: RegExp): void {
  assert.equal(error, undefined, `the restore failed: ${error?.stack}`);
  const said = (restored?.processes ?? []).flatMap(({ errors }) => errors.map(({ message }) => message)).join("\n");
  if (failures) assert.match(said, failures);
  else assert.equal(said, "");
}

/** Without the fault all goes well: into the same directory, for nobody has kept it. */
async function playAgain(scene: Scene): Promise<void> {
  const { engine, app, imagesDir, cell } = scene;
  if (scene.hasImages) rmSync(imagesDir, { recursive: true });
  await engine.dump({ pid: app.pid, imagesDir, strategy: cell.strategy });
  const { processes } = await engine.restore({ imagesDir });
  assert.deepEqual(
    processes.map(({ outcome, errors }) => ({ outcome, errors })),
    [{ outcome: "restored", errors: [] }],
  );
  await checkApp(scene);
}
