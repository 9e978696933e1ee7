/** Searching in a dump that was written by hand. */
import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { findInImages, ImageError } from "../../../images/mod.ts";
import { needlesOf, search } from "../../../images/needles.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";
import { ADDRESS, PARENT, pages, writeImages } from "../../support/written_images.ts";

const secret = "correct horse battery";

/** Looks for something in a dump of which some files are in another form. */
async function find(
  others: Readonly<Record<string, Uint8Array>>,
  wanted: string | Uint8Array = secret,
): ReturnType<typeof findInImages> {
  using directory = temporaryDirectory();
  writeImages(directory.path, others);
  return await findInImages(directory.path, wanted);
}

test("findInImages() says in whose memory a text is, and at which address", async () => {
  assert.deepEqual(await find({ "pages-1.img": pages(3, { 5000: secret }) }), [
    {
      file: "pages-1.img",
      encoding: "utf-8",
      count: 1,
      places: [{ offset: 5000, pid: PARENT, address: ADDRESS + 5000n }],
    },
  ]);
});

test("the address is right behind pages that are not in this file", async () => {
  const [finding] = await find({ "pages-1.img": pages(3, { 8200: secret }) });
  // Two pages are here, the third is in the parent image.
  assert.equal(finding?.places[0]?.address, ADDRESS + 0x3000n + 8n);
});

test("shared memory is named by its id and the offset in it", async () => {
  const [finding] = await find({ "pages-4.img": pages(1, { 16: secret }) });
  assert.deepEqual(finding?.places, [{ offset: 16, sharedId: 88, address: 0x1010n }]);
});

test("a text is found as UTF-8, as UTF-16 and as Latin-1", async () => {
  const text = "Schlüsselwort";
  const found = await find(
    {
      "pages-1.img": pages(3, { 100: Buffer.from(text, "utf8"), 5000: Buffer.from(text, "utf16le") }),
      "pages-2.img": pages(1, { 7: Buffer.from(text, "latin1") }),
    },
    text,
  );
  assert.deepEqual(
    found.map(({ file, encoding, count }) => [file, encoding, count]),
    [
      ["pages-1.img", "utf-8", 1],
      ["pages-1.img", "utf-16", 1],
      ["pages-2.img", "latin-1", 1],
    ],
  );
});

test("bytes are found as they are", async () => {
  const bytes = Uint8Array.of(1, 0, 255, 254, 3);
  const [finding] = await find({ "pages-2.img": pages(1, { 40: bytes }) }, bytes);
  assert.deepEqual([finding?.encoding, finding?.count, finding?.places[0]?.offset], ["bytes", 1, 40]);
});

test("what is not there is not found", async () => {
  assert.deepEqual(await find({}, "no such text"), []);
});

test("all files are searched: ghost files, logs, and what is compressed", async () => {
  const found = await find({
    "ghost-file-1a.img": Buffer.from(`........${secret}`),
    "dump.log": Buffer.from(secret),
    "tmpfs-5.tar.gz": gzipSync(pages(600, { 2000000: secret })),
  });
  assert.deepEqual(
    found.map(({ file, places }) => [file, places[0]]),
    [
      ["dump.log", { offset: 0 }],
      ["ghost-file-1a.img", { offset: 8 }],
      ["tmpfs-5.tar.gz", { offset: 2_000_000 }],
    ],
  );
});

test("an archive that is damaged is an error, not a text that was not found", async () => {
  const archive = gzipSync(pages(600, { 2000000: secret }));
  await assert.rejects(find({ "tmpfs-5.tar.gz": archive.subarray(0, archive.length / 2) }), ImageError);
});

test("many finds are counted all, and named up to the limit", async () => {
  using directory = temporaryDirectory();
  const texts = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [i * 100, secret]));
  writeImages(directory.path, { "pages-2.img": pages(1, texts) });
  const [finding] = await findInImages(directory.path, secret, { places: 3 });
  assert.equal(finding?.count, 30);
  assert.deepEqual(
    finding?.places.map(({ offset }) => offset),
    [0, 100, 200],
  );
});

test("the images that an incremental dump is built on are searched as well, also when they are linked in a circle", async () => {
  using directory = temporaryDirectory();
  const [first, second] = [join(directory.path, "first"), join(directory.path, "second")];
  for (const [path, content] of [
    [first, pages(3, { 10: secret })],
    [second, pages(3)],
  ] as const) {
    mkdirSync(path);
    writeImages(path, { "pages-1.img": content });
  }
  symlinkSync("../first", join(second, "parent"));
  symlinkSync("../second", join(first, "parent"));
  const [finding, ...rest] = await findInImages(second, secret);
  assert.deepEqual([finding?.file, finding?.places[0]?.pid, rest.length], ["parent/pages-1.img", PARENT, 0]);
});

test("a text is found once wherever the border of two chunks cuts it", async () => {
  const text = Buffer.from(`....${secret}....${secret}`);
  for (let cut = 0; cut <= text.length; cut++) {
    for (const chunks of [
      [text.subarray(0, cut), text.subarray(cut)],
      Array.from(text, (byte) => Uint8Array.of(byte)),
    ]) {
      for (const wanted of [secret, Buffer.from(secret)]) {
        const [hits] = await search(chunks, needlesOf(wanted), 10);
        assert.deepEqual([hits?.count, hits?.offsets], [2, [4, 29]], `cut at ${cut}`);
      }
    }
  }
});

test("a text that lies over the border of what is read at once is found", async () => {
  using directory = temporaryDirectory();
  writeImages(directory.path);
  writeFileSync(join(directory.path, "pages-9.img"), pages(1024, { [2 ** 20 - 5]: secret, [3 * 2 ** 20]: secret }));
  const progress: number[] = [];
  let total = 0;
  const onProgress = (done: number, all: number): void => {
    progress.push(done);
    total = all;
  };
  const [finding] = await findInImages(directory.path, secret, { onProgress });
  assert.deepEqual(
    finding?.places.map(({ offset }) => offset),
    [2 ** 20 - 5, 3 * 2 ** 20],
  );
  assert.ok(progress.every((done, i) => i === 0 || done > (progress[i - 1] as number)));
  assert.ok(total >= 2 ** 22 && (progress.at(-1) as number) <= total);
});

test("a search can be cancelled, and needs something to look for", async () => {
  using directory = temporaryDirectory();
  writeImages(directory.path);
  await assert.rejects(
    findInImages(directory.path, secret, { signal: AbortSignal.abort(new Error("enough")) }),
    /enough/,
  );
  await assert.rejects(findInImages(directory.path, ""), RangeError);
  for (const places of [-1, 0.5, Number.NaN]) {
    await assert.rejects(findInImages(directory.path, "x", { places }), /places must be a whole number, 0 or more/);
  }
  await assert.rejects(findInImages(join(directory.path, "missing"), secret), ImageError);
});

test("a file that is next to nothing but holes is refused, and named", async () => {
  using directory = temporaryDirectory();
  writeImages(directory.path);
  for (const [i, bytes] of [2 ** 34, 2 ** 35].entries()) {
    const path = join(directory.path, `pages-1${i}.img`);
    writeFileSync(path, "");
    truncateSync(path, bytes);
  }
  await assert.rejects(
    findInImages(directory.path, secret, { signal: AbortSignal.abort(new Error("it was searched")) }),
    /pages-11\.img cannot be searched.*the rest are holes/,
  );
});

test("no link is followed but `parent`, and that only to a dump", async () => {
  using directory = temporaryDirectory();
  const [images, elsewhere] = [join(directory.path, "images"), join(directory.path, "elsewhere")];
  mkdirSync(images);
  mkdirSync(elsewhere);
  writeImages(images);
  writeFileSync(join(elsewhere, "notes"), secret);
  symlinkSync("../elsewhere/notes", join(images, "pages-9.img"));
  symlinkSync("../elsewhere", join(images, "parent"));
  assert.deepEqual(await findInImages(images, secret), []);
  writeImages(elsewhere);
  assert.deepEqual(
    (await findInImages(images, secret)).map(({ file }) => file),
    ["parent/notes"],
  );
});
