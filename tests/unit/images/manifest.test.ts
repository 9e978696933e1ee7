/** The manifest beside a dump that was written by hand. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { buildIdOf } from "../../../images/build_id.ts";
import { digest, kindFor } from "../../../images/digest.ts";
import { fileFields } from "../../../images/messages/files.ts";
import { inventoryFields } from "../../../images/messages/tree.ts";
import {
  checkManifest,
  type DumpFacts,
  describeMachine,
  ImageError,
  MANIFEST,
  type Machine,
  type Manifest,
  readManifest,
  writeManifest,
} from "../../../images/mod.ts";
import { type TemporaryDirectory, temporaryDirectory } from "../../support/temporary_directory.ts";
import { image, message, pages, writeImages } from "../../support/written_images.ts";

const facts: DumpFacts = {
  criu: "4.2.1",
  noticeId: "notice-1",
  apps: [{ pid: 100, runtime: "bun 1.4.5", generation: 2 }],
  leftRunning: true,
  criuOptions: { tcpClose: true, ghostLimit: 4096 },
  labels: { release: "2026-01" },
};

/** An image of files in which the tree runs this program. */
function running(path: string, buildId: string | undefined = buildIdOf(path)): Buffer {
  const id = [...new Uint32Array(new Uint8Array(Buffer.from(buildId ?? "", "hex")).buffer)];
  const reg = { name: path, size: BigInt(statSync(path).size), buildId: id };
  return image("files", message(fileFields, { type: 1, id: 1, reg }));
}

/** A dump with its manifest. */
async function dumped(
  others: Readonly<Record<string, Uint8Array | undefined>> = {},
  digests: "quick" | "full" = "quick",
): Promise<TemporaryDirectory & { readonly manifest: Manifest }> {
  const directory = temporaryDirectory();
  writeImages(directory.path, { "files.img": running(process.execPath), ...others });
  return { ...directory, manifest: await writeManifest(directory.path, facts, { digests }) };
}

/** What a check finds, in short. */
async function problems(directory: string, machine?: Partial<Machine>, criu?: string): Promise<string[]> {
  const found = await checkManifest(directory, {
    ...(machine ? { machine: { ...describeMachine(), ...machine } } : {}),
    ...(criu ? { criu } : {}),
  });
  for (const { what, cure } of found) assert.ok(what.length > 10 && cure.length > 10);
  return found.map(({ severity, kind, what }) => `${severity} ${kind}: ${what}`);
}

test("writeManifest() notes the dump, the machine, the programs and the files, for its owner only", async () => {
  using directory = await dumped();
  const manifest = readManifest(directory.path);
  assert.deepEqual(manifest, JSON.parse(JSON.stringify(directory.manifest)));
  assert.deepEqual({ ...manifest, ...facts }, manifest);
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname as string, "../../../package.json"), "utf8"));
  assert.equal(manifest.criuAware, version);
  assert.equal(manifest.machine.arch, execFileSync("uname", ["-m"], { encoding: "utf8" }).trim());
  assert.equal(manifest.machine.kernel, execFileSync("uname", ["-r"], { encoding: "utf8" }).trim());
  assert.ok(manifest.machine.cpuFeatures.length > 5);
  assert.equal(manifest.programs[0]?.path, process.execPath);
  assert.ok(Date.now() - Date.parse(manifest.createdAt) < 60_000);
  assert.equal(statSync(join(directory.path, MANIFEST)).mode & 0o777, 0o600);
  const names = manifest.files.map(({ name }) => name);
  assert.ok(names.includes("pages-1.img") && names.includes("inventory.img"));
  assert.ok(!names.includes("dump.log") && !names.includes("stats-dump"), "no part of the dump");
});

test("nothing of the environment is in a manifest", async () => {
  process.env.CRIU_AWARE_TEST_SECRET = "not for the manifest";
  using directory = await dumped();
  delete process.env.CRIU_AWARE_TEST_SECRET;
  assert.ok(!readFileSync(join(directory.path, MANIFEST), "utf8").includes("not for the manifest"));
});

test("writeManifest() leaves nothing behind when it fails, and refuses what is no whole dump", async () => {
  using directory = temporaryDirectory();
  writeImages(directory.path);
  mkdirSync(join(directory.path, MANIFEST));
  await assert.rejects(writeManifest(directory.path, facts));
  assert.deepEqual(
    readdirSync(directory.path).filter((name) => name.startsWith("criu-aware")),
    [MANIFEST],
  );
  rmSync(join(directory.path, MANIFEST), { recursive: true });
  rmSync(join(directory.path, "pages-2.img"));
  await assert.rejects(writeManifest(directory.path, facts), /pages-2.img is missing/);
  assert.ok(!readdirSync(directory.path).includes(MANIFEST));
});

test("checkManifest() finds nothing wrong with an untouched dump", async () => {
  using directory = await dumped();
  assert.deepEqual(await problems(directory.path, undefined, "4.2.1"), []);
  writeFileSync(join(directory.path, "restore.log"), "a restore leaves this");
  assert.deepEqual(await problems(directory.path), []);
});

for (const digests of ["quick", "full"] as const) {
  test(`${digests}: a changed byte in any file, a shorter file and a missing one are found`, async () => {
    using directory = await dumped({ "pages-1.img": pages(600) }, digests);
    assert.ok(directory.manifest.files.length > 15);
    for (const { name } of directory.manifest.files) {
      const path = join(directory.path, name);
      const bytes = readFileSync(path);
      const expect = async (why: RegExp): Promise<void> => {
        const found = await problems(directory.path);
        assert.equal(found.length, 1, `${name}: ${found}`);
        const [first = ""] = found;
        assert.ok(first.startsWith(`error file: ${path} `), first);
        assert.match(first, why);
      };
      const changed = Buffer.from(bytes);
      changed[changed.length >> 1] = (changed[changed.length >> 1] as number) ^ 1;
      writeFileSync(path, changed);
      await expect(/has changed since the dump/);
      writeFileSync(path, bytes);
      truncateSync(path, bytes.length - 1);
      await expect(new RegExp(`has ${bytes.length - 1} bytes, and had ${bytes.length}`));
      rmSync(path);
      await expect(/is missing/);
      writeFileSync(path, bytes);
    }
    assert.deepEqual(await problems(directory.path), []);
  });
}

test("quick digests are CRC-32, the size alone for the largest files; full ones are SHA-256", async () => {
  assert.equal(kindFor(256 * 2 ** 20, "quick"), "crc32");
  assert.equal(kindFor(256 * 2 ** 20 + 1, "quick"), undefined);
  assert.equal(kindFor(2 ** 40, "full"), "sha256");
  using directory = temporaryDirectory();
  const path = join(directory.path, "file");
  writeFileSync(path, "123456789");
  // The check values of both algorithms.
  assert.equal(await digest(path, "crc32"), "cbf43926");
  assert.equal(await digest(path, "sha256"), "15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225");
  // Read at once, and read a piece at a time.
  for (const mebibytes of [3, 9]) {
    const bytes = randomBytes(mebibytes * 2 ** 20 + 5);
    writeFileSync(path, bytes);
    assert.equal(await digest(path, "sha256"), createHash("sha256").update(bytes).digest("hex"));
    assert.equal(await digest(path, "crc32"), crc32(bytes).toString(16).padStart(8, "0"));
  }
});

test("a dump without a manifest is a problem, and so is a damaged manifest", async () => {
  using directory = await dumped();
  const path = join(directory.path, MANIFEST);
  const good = JSON.parse(readFileSync(path, "utf8"));
  const damage = async (content: string, reason: RegExp): Promise<void> => {
    writeFileSync(path, content);
    assert.throws(() => readManifest(directory.path), ImageError);
    const found = await problems(directory.path);
    assert.equal(found.length, 1);
    assert.match(found[0] as string, reason);
  };
  await damage("", /^error file: .* it is no JSON/);
  await damage("[]", /it is no object/);
  await damage(JSON.stringify({ ...good, manifest: 2 }), /has version 2/);
  await damage(JSON.stringify({ ...good, machine: { ...good.machine, cpuFeatures: "all" } }), /"machine"/);
  await damage(JSON.stringify({ ...good, files: [{ name: "../../etc/passwd", bytes: 1 }] }), /"files"/);
  await damage(JSON.stringify({ ...good, programs: [{ path: 5 }] }), /"programs"/);
  for (const field of Object.keys(good).filter((field) => !["criu", "noticeId"].includes(field))) {
    await damage(JSON.stringify({ ...good, [field]: undefined }), new RegExp(`${field}|has version`));
  }
  rmSync(path);
  assert.match((await problems(directory.path))[0] as string, /^error manifest: .*has no criu-aware.json/);
  assert.throws(() => readManifest(directory.path), /is missing/);
});

test("another architecture, missing instructions, an older kernel and an older CRIU are told", async () => {
  using directory = await dumped();
  const { cpuFeatures, arch, kernel } = describeMachine();
  const other = arch === "aarch64" ? "x86_64" : "aarch64";
  assert.match((await problems(directory.path, { arch: other })).join(), /^error arch: .*and this is an/);
  // The last flag of an x86 CPU that is for programs, and one that is not.
  const lost = arch === "x86_64" ? ["sse4_2", "lahf_lm"] : cpuFeatures.slice(0, 1);
  const fewer = cpuFeatures.filter((name) => !lost.includes(name));
  const [cpu, ...more] = await problems(directory.path, { cpuFeatures: fewer });
  assert.equal(more.length, 0);
  assert.match(
    cpu as string,
    new RegExp(`^error cpu: .*: ${cpuFeatures.filter((name) => lost.includes(name)).join(", ")}$`),
  );
  assert.deepEqual(await problems(directory.path, { cpuFeatures: [...cpuFeatures, "brand_new"] }), []);
  assert.match((await problems(directory.path, { kernel: "3.10.0-957" })).join(), /^warning kernel: /);
  assert.deepEqual(await problems(directory.path, { kernel: `99.${kernel}` }), []);
  assert.match((await problems(directory.path, undefined, "4.1")).join(), /^error criu: CRIU 4.1 is older than 4.2.1/);
  assert.deepEqual(await problems(directory.path, undefined, "10.0"), []);
});

test("a flag of the CPU that only the kernel needs is not missed", { skip: process.arch !== "x64" }, async () => {
  using directory = await dumped();
  const cpuFeatures = describeMachine().cpuFeatures.filter((name) => !["hypervisor", "smep", "arat"].includes(name));
  assert.deepEqual(await problems(directory.path, { cpuFeatures }), []);
});

test("a program that is missing, has another size or another build is told", async () => {
  using place = temporaryDirectory();
  const program = join(place.path, "program");
  copyFileSync("/bin/sh", program);
  chmodSync(program, 0o755);
  using directory = await dumped({ "files.img": running(program) });
  assert.deepEqual(await problems(directory.path), []);
  using rebuilt = await dumped({ "files.img": running(program, "0102030405060708090a0b0c0d0e0f1011121314") });
  assert.match((await problems(rebuilt.path)).join(), /^error program: .*program is another build/);
  writeFileSync(program, "shorter");
  assert.match((await problems(directory.path)).join(), /^error program: .*program is another build/);
  rmSync(program);
  assert.match((await problems(directory.path)).join(), /^error program: .*program, which .*is missing/);
});

test("the programs of a container are not looked for on this machine", async () => {
  using directory = await dumped({
    "files.img": image("files", message(fileFields, { type: 1, id: 1, reg: { name: "/no/such/program" } })),
    "mountpoints-12.img": Buffer.alloc(8),
  });
  assert.deepEqual(await problems(directory.path), []);
});

test("other GPUs are a warning, and an error when the image holds the state of one", async () => {
  using directory = await dumped();
  const gpus = [{ id: "GPU-1", model: "NVIDIA H100" }];
  assert.match((await problems(directory.path, { gpus })).join(), /^warning gpu: .*GPUs: none; here are: NVIDIA H100$/);
  using bound = await dumped({
    "inventory.img": image(
      "inventory",
      message(inventoryFields, { imgVersion: 2, plugins: { plugins: ["cuda_plugin"] } }),
    ),
  });
  assert.deepEqual(bound.manifest.plugins, ["cuda_plugin"]);
  assert.match((await problems(bound.path, { gpus })).join(), /^error gpu: /);
});

test("buildIdOf() says what the program's own notes say, and nothing of what is no program", () => {
  const program = "/bin/sh";
  const notes = execFileSync("od", ["-An", "-v", "-tx1", program], { encoding: "utf8", maxBuffer: 2 ** 26 }).replace(
    /\s+/g,
    "",
  );
  const id = buildIdOf(program) as string;
  assert.match(id, /^[0-9a-f]{40}$/);
  assert.ok(notes.includes(`474e5500${id}`), "right behind the name GNU");
  assert.equal(buildIdOf(join(import.meta.dirname as string, "manifest.test.ts")), undefined);
  assert.throws(() => buildIdOf("/no/such/program"), ImageError);
});

test("buildIdOf() looks through all notes, and at nothing else", () => {
  using directory = temporaryDirectory();
  const note = (type: number, content: string): Buffer => {
    const head = Buffer.alloc(12);
    [4, content.length / 2, type].forEach((word, i) => void head.writeUInt32LE(word, i * 4));
    return Buffer.concat([head, Buffer.from("GNU\0"), Buffer.from(content, "hex")]);
  };
  const header = Buffer.alloc(64);
  header.set([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
  header.writeBigUInt64LE(64n, 32);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(2, 56);
  const loaded = note(3, "0bad0bad");
  const notes = Buffer.concat([note(1, "0000000000000000"), note(3, "600dc0de")]);
  const segment = (type: number, offset: number, bytes: number): Buffer => {
    const entry = Buffer.alloc(56);
    entry.writeUInt32LE(type, 0);
    entry.writeBigUInt64LE(BigInt(offset), 8);
    entry.writeBigUInt64LE(BigInt(bytes), 32);
    return entry;
  };
  const at = 64 + 2 * 56;
  const table = [segment(1, at, loaded.length), segment(4, at + loaded.length, notes.length)];
  const program = Buffer.concat([header, ...table, loaded, notes]);
  const path = join(directory.path, "program");
  writeFileSync(path, program);
  assert.equal(buildIdOf(path), "600dc0de");
  for (let length = 0; length < program.length; length++) {
    writeFileSync(path, program.subarray(0, length));
    assert.equal(buildIdOf(path), undefined, `cut at ${length}`);
  }
});
