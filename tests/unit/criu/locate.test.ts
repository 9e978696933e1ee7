import assert from "node:assert/strict";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { CriuError } from "../../../criu/errors.ts";
import { askCriu, findCriu, locateCriu } from "../../../criu/locate.ts";
import { checkoutTools, findUnpacked, toolPlaces } from "../../../criu/places.ts";
import { temporaryDirectory } from "../../support/temporary_directory.ts";

/** Puts a program that says that it is this version of CRIU at a path. */
function placeCriu(path: string, version: string): string {
  mkdirSync(join(path, ".."), { recursive: true });
  writeFileSync(path, `#!/bin/sh\necho Version: ${version}\n`, { mode: 0o755 });
  return path;
}

/** Runs `use` with these variables in the environment. */
function withEnvironment<R>(variables: Record<string, string>, use: () => R): R {
  const before = { ...process.env };
  Object.assign(process.env, variables);
  try {
    return use();
  } finally {
    for (const name of Object.keys(variables)) {
      if (before[name] === undefined) delete process.env[name];
      else process.env[name] = before[name];
    }
  }
}

/** Runs `use` as if this process had another effective user. */
function as<R>(uid: number, use: () => R): R {
  const { geteuid } = process;
  process.geteuid = () => uid;
  try {
    return use();
  } finally {
    Object.assign(process, { geteuid });
  }
}

test("the CRIU that is named comes before that of CRIU_AWARE_PREFIX, and this before the one on the PATH", () => {
  using directory = temporaryDirectory();
  const at = (name: string): string => join(directory.path, name);
  const named = placeCriu(at("named"), "4.9");
  placeCriu(at("bin/criu"), "4.3");
  withEnvironment({ CRIU_AWARE_PREFIX: at("prefix"), PATH: `${at("bin")}:${process.env.PATH}` }, () => {
    const prefixed = placeCriu(at("prefix/criu/bin/criu"), "4.4");
    assert.equal(locateCriu(named), named);
    assert.deepEqual(findCriu(), { path: prefixed, version: "4.4" });
    assert.throws(
      () => findCriu(undefined, [at("elsewhere")]),
      /^CriuError: CRIU is missing\. Run: npm .*setup -- --prefix \S+\/elsewhere$/,
    );
  });
});

test("a CRIU of the set-up that somebody else could replace is not used, and the reason is said", () => {
  using directory = temporaryDirectory();
  const prefix = join(directory.path, "prefix");
  const criu = placeCriu(join(prefix, "criu/bin/criu"), "4.4");
  assert.equal(findUnpacked("criu/bin/criu", [prefix]).path, criu);
  for (const [place, reason] of [
    [criu, /criu may be written by other users/],
    [join(prefix, "criu/bin"), /bin may be written by other users/],
    [prefix, /prefix may be written by other users/],
  ] as const) {
    const mode = 0o755;
    chmodSync(place, 0o777);
    assert.match(findUnpacked("criu/bin/criu", [prefix]).refused?.message ?? "", reason);
    assert.throws(
      () => findCriu(undefined, [prefix]),
      (error: CriuError) =>
        reason.test(error.message) && /^Run: npm .*setup -- --prefix \S+\/prefix$/.test(error.explanation?.cure ?? ""),
    );
    chmodSync(place, mode);
  }
  assert.equal(findCriu(undefined, [prefix]).path, criu);
});

test("the set-up writes to the directory that comes first, and commands look in the others too", () => {
  const tools = checkoutTools() as string;
  const alice = { HOME: "/home/alice" };
  const places = (uid: number, env: Record<string, string>): string[] => as(uid, () => toolPlaces(env));
  assert.match(tools, /\/\.tools$/);
  assert.deepEqual(places(1000, alice), [tools, "/home/alice/.local/share/criu-aware", "/opt/criu-aware"]);
  assert.deepEqual(places(1000, { ...alice, XDG_DATA_HOME: "/data" }), [tools, "/data/criu-aware", "/opt/criu-aware"]);
  assert.deepEqual(places(1000, { ...alice, XDG_DATA_HOME: "data" })[1], "/home/alice/.local/share/criu-aware");
  assert.deepEqual(places(0, alice), [tools, "/opt/criu-aware"]);
  assert.deepEqual(places(1000, { ...alice, CRIU_AWARE_PREFIX: "/srv/x" }).slice(0, 2), ["/srv/x", tools]);
});

test("root that came by sudo finds what its user has unpacked", () => {
  // The one user that every system has, with a home directory that belongs to it.
  const places = as(0, () => toolPlaces({ SUDO_UID: "0" }));
  assert.deepEqual(places.slice(1), ["/opt/criu-aware", "/root/.local/share/criu-aware"]);
  for (const uid of ["", "x", "4294967294"]) assert.equal(as(0, () => toolPlaces({ SUDO_UID: uid })).length, 2);
});

test("a CRIU that is asked says its version, or why it cannot be used", async () => {
  using directory = temporaryDirectory();
  const at = (name: string): string => join(directory.path, name);
  assert.equal(await askCriu(placeCriu(at("new"), "4.3.1")).version, "4.3.1");
  await assert.rejects(
    askCriu(placeCriu(at("old"), "4.1")).version,
    /^CriuError: CRIU 4\.1 is too old \(.*old\).* Run: /,
  );
  await assert.rejects(askCriu(at("none")).version, /^CriuError: CRIU does not start: .*none\. Run: /);
  writeFileSync(at("failing"), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
  await assert.rejects(askCriu(at("failing")).version, /^CriuError: CRIU does not start: .*failing\. Run: /);
});
