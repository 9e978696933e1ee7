/** `criu-aware state`: what it shows of a process and of a file is true. */
import assert from "node:assert/strict";
import { lstatSync, readFileSync, statSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { openState } from "../../gpu/mod.ts";
import { runCli } from "../support/cli.ts";
import { temporaryState } from "../support/gpu_names.ts";
import { patch, saved, schema, valuesOf } from "../support/gpu_saved.ts";
import { runtimes } from "../support/runtimes.ts";
import { fileOf } from "../support/safetensors_headers.ts";
import { readStrictly } from "../support/strict_safetensors.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

for (const runtime of runtimes) {
  test(`criu-aware in ${runtime}: state shows both slots of a process, and exports the newest`, async () => {
    using directory = temporaryDirectory();
    const file = join(directory.path, "state.safetensors");
    // A memfd and a named one: of this very process.
    using state = await openState(schema, { slots: 2 });
    for (const step of [1, 2, 3]) state.save(valuesOf(step));
    const { code, out, err } = await runCli(runtime, ["state", process.pid, "--export", file]);
    assert.equal(code, 0, err);
    assert.match(out, /generation 3, 3 tensors, [\d.]+ kB, the newest valid one/);
    assert.match(out, /generation 2, 3 tensors/);
    assert.match(out, /^weights +F32 +\[100\] +400 B +[0-9a-f]{8} ok$/m);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    using other = await openState(schema);
    other.importFrom(file);
    assert.deepEqual(other.load(), valuesOf(3));
  });

  test(`criu-aware in ${runtime}: state of a file tells what is corrupt or no state, with exit code 1`, async () => {
    using temporary = temporaryState();
    await saved(temporary.name, 1, 1);
    const { tensors, dataStart } = readStrictly(readFileSync(temporary.path()));
    const shown = await runCli(runtime, ["state", temporary.path(), "--json"]);
    assert.equal(shown.code, 0);
    assert.equal(JSON.parse(shown.out).slots[0].state.generation, 1);
    patch(temporary.path(), dataStart + (tensors.get("weights")?.begin as number), Uint8Array.of(7));
    const corrupt = await runCli(runtime, ["state", temporary.path()]);
    assert.equal(corrupt.code, 1);
    assert.match(corrupt.out, /^weights .* corrupt$/m);
    assert.match(corrupt.out, /^step .* ok$/m);
    writeFileSync(temporary.path(), "foreign");
    const foreign = await runCli(runtime, ["state", temporary.path()]);
    assert.equal(foreign.code, 1);
    assert.match(foreign.out, /Cannot read/);
    assert.equal((await runCli(runtime, ["state", "/no/such/file"])).code, 2);
    assert.equal((await runCli(runtime, ["state", "4194300"])).code, 2);
  });

  test(`criu-aware in ${runtime}: state of a file of terabytes of holes says so at once`, async () => {
    using directory = temporaryDirectory();
    const path = join(directory.path, "sparse");
    const size = 2 ** 42;
    const header = `{"a":{"dtype":"U8","shape":[${size}],"data_offsets":[0,${size}]}}`;
    writeFileSync(path, fileOf([header, 0]));
    truncateSync(path, fileOf([header, 0]).length + size);
    const { code, out } = await runCli(runtime, ["state", path]);
    assert.equal(code, 1);
    assert.match(out, /it says that it has \d+ bytes, and has \d+: the rest are holes/);
  });

  test(`criu-aware in ${runtime}: state --export writes into no file that somebody else put there`, async () => {
    using directory = temporaryDirectory();
    const [from, to, other] = ["from", "to", "other"].map((name) => join(directory.path, name)) as [
      string,
      string,
      string,
    ];
    writeFileSync(from, fileOf(['{"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}', 1]), { mode: 0o666 });
    writeFileSync(other, "untouched");
    symlinkSync(other, `${to}.new`);
    const { code, err } = await runCli(runtime, ["state", from, "--export", to]);
    assert.equal(code, 0, err);
    assert.equal(readFileSync(other, "utf8"), "untouched");
    assert.deepEqual(readFileSync(to), readFileSync(from));
    assert.ok(lstatSync(to).isFile());
    assert.equal(statSync(to).mode & 0o777, 0o600);
  });
}
