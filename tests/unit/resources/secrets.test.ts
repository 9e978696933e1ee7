import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { GateBusyError, SecretAwayError, type SecretFetchError, secrets } from "../../../resources/secrets/mod.ts";
import { attach } from "../../../simulate.ts";
import { prepare, recover } from "../../support/hooks.ts";
import { turns } from "../../support/time.ts";

const quiet = { onError: () => {} };
const word = "open sesame";
const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

test("a secret is fetched when it is first used, once although many ask, and what was given is erased", async () => {
  const given: Uint8Array[] = [];
  const keys = secrets({
    names: ["one", "two"],
    async fetch(name) {
      const bytes = bytesOf(`${word} ${name}`);
      given.push(bytes);
      return bytes;
    },
  });
  assert.throws(
    () => keys.get("one"),
    (error: SecretAwayError) => error instanceof SecretAwayError && error.secret === "one",
  );
  const used = await Promise.all([keys.use("one", textOf), keys.use("one", async (bytes) => textOf(bytes))]);
  assert.deepEqual(used, [`${word} one`, `${word} one`]);
  assert.equal(textOf(keys.get("one")), `${word} one`);
  assert.equal(given.length, 1);
  assert.ok(given[0]?.every((byte) => byte === 0));
  await keys.load();
  assert.equal(textOf(keys.get("two")), `${word} two`);
  await assert.rejects(keys.use("three" as "two", textOf), /There is no secret three: there are one, two/);
  assert.throws(() => keys.get("three" as "two"), RangeError);
  assert.throws(() => secrets({ names: [], fetch: () => bytesOf(word) }), /give their `names`/);
});

for (const outcome of ["restored", "continued", "aborted"] as const) {
  test(`secrets are erased before the hold, and after "${outcome}" fetched again before what was registered later`, async () => {
    await using agent = await attach(quiet);
    let version = 0;
    const keys = secrets({ names: ["one", "unused"], fetch: (name) => bytesOf(`${name} ${++version}`) });
    agent.register(keys);
    const seen: unknown[] = [];
    agent.register({
      name: "database",
      tier: "connection",
      beforeCheckpoint: async () => void seen.push(await keys.use("one", textOf)),
      afterRestore: () => void seen.push(textOf(keys.get("one"))),
    });
    const kept = await keys.use("one", (bytes) => bytes);
    agent.register({
      name: "last",
      tier: "runtime",
      beforeHold: () => void seen.push(kept.every((byte) => byte === 0)),
    });
    await agent.checkpoint({ outcome });
    assert.deepEqual(seen, ["one 1", true, "one 2"]);
    assert.throws(() => keys.get("unused"), SecretAwayError);
  });
}

test("when another resource refuses nothing is erased and nothing fetched again", async () => {
  await using agent = await attach(quiet);
  let fetches = 0;
  const keys = secrets({
    names: ["one"],
    fetch() {
      fetches++;
      return bytesOf(word);
    },
  });
  agent.register(keys);
  agent.register({ name: "refuses", beforeCheckpoint: () => Promise.reject(new Error("no")) });
  await keys.load();
  await assert.rejects(agent.checkpoint(), /refuses: no/);
  assert.deepEqual([textOf(keys.get("one")), fetches], [word, 1]);
});

test("preparing waits for a use to end, parts of it included; a new one waits for the outcome, or its signal", async () => {
  const keys = secrets({ names: ["one", "two"], fetch: bytesOf });
  let end = (): void => {};
  const inUse = keys.use("one", async () => {
    await new Promise<void>((resolve) => {
      end = resolve;
    });
    return await keys.use("two", textOf);
  });
  await turns();
  const prepared = prepare(keys);
  const later = keys.use("two", textOf);
  await assert.rejects(keys.use("two", textOf, { signal: AbortSignal.timeout(1) }), { name: "TimeoutError" });
  end();
  assert.equal(await inUse, "two");
  await prepared;
  keys.beforeHold?.({ noticeId: "n", criuOptions: [] });
  assert.throws(() => keys.get("two"), SecretAwayError);
  await recover(keys);
  assert.equal(await later, "two");
});

test("a use that does not end refuses, and names the secret", async () => {
  const keys = secrets({ names: ["one"], fetch: bytesOf });
  void keys.use("one", () => new Promise(() => {}));
  await assert.rejects(prepare(keys, undefined, 10), (error: Error) => {
    assert.ok(error instanceof GateBusyError);
    assert.match(error.message, /^1 is still inside, .*; they entered use\("one"\)$/);
    return true;
  });
});

test("a fetch that fails is a recovery that failed, says which secret and of what kind, and never what was thrown", async () => {
  const errors: Error[] = [];
  await using agent = await attach({ onError: (error) => errors.push(error) });
  let fails = false;
  const thrown: unknown[] = [];
  const keys = secrets({
    names: ["one", "two"],
    fetch(name) {
      if (fails && name === "two")
        throw Object.assign(new TypeError(`the token ${word} was refused`), { code: "ECONNREFUSED" });
      return bytesOf(name);
    },
    onError: (error, name) => thrown.push(error, name),
  });
  agent.register(keys);
  await keys.load();
  fails = true;
  await agent.checkpoint();
  assert.match(String(errors[0]), /secrets: Cannot fetch the secret two \(TypeError ECONNREFUSED\): onError gets/);
  assert.ok(!inspect(errors[0], { depth: 9 }).includes(word), "the value is printed");
  assert.match(String(thrown[0]), /was refused/);
  assert.equal(thrown[1], "two");
  assert.equal(textOf(keys.get("one")), "one");
  await assert.rejects(keys.use("two", textOf), (error: SecretFetchError) => error.secrets[0] === "two");
  fails = false;
  assert.equal(await keys.use("two", textOf), "two");
});

test("what cannot be erased, is empty, or was erased already is not taken for a secret", async () => {
  const results: [unknown, RegExp][] = [
    [word, /the secret one \(fetch gave no Uint8Array, which can be erased\)/],
    [undefined, /gave no Uint8Array/],
    [new Uint8Array(0), /gave no bytes/],
  ];
  for (const [given, why] of results) {
    const keys = secrets({ names: ["one"], fetch: () => given as Uint8Array });
    await assert.rejects(keys.load(), why);
  }
  const cached = bytesOf(word);
  const keys = secrets({ names: ["one"], fetch: () => cached });
  await keys.load();
  await prepare(keys);
  keys.beforeHold?.({ noticeId: "n", criuOptions: [] });
  await assert.rejects(recover(keys), /fetch gave an array for the second time: it was erased/);
});

test("a fetch that does not end within the time of the hook keeps nobody waiting, and what it gives later is erased", async () => {
  await using agent = await attach({ ...quiet, hookTimeoutMs: 20 });
  let give: ((bytes: Uint8Array) => void) | undefined;
  let hangs = false;
  const keys = secrets({
    names: ["one"],
    fetch: () => (hangs ? new Promise<Uint8Array>((resolve) => (give = resolve)) : bytesOf(word)),
  });
  agent.register(keys);
  await keys.load();
  hangs = true;
  await agent.checkpoint();
  assert.match(String(agent.lastErrors[0]), /secrets: afterRestore was not done after 20 ms/);
  hangs = false;
  assert.equal(await keys.use("one", textOf), word);
  const late = bytesOf("late");
  give?.(late);
  await turns();
  assert.deepEqual([textOf(keys.get("one")), late.every((byte) => byte === 0)], [word, true]);
});
