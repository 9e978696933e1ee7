/** Who may notify and look: root and the app's own user, nobody else. With a real second user. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { App } from "../support/app.ts";
import { noCriu, shell } from "../support/criu.ts";
import { runtimes } from "../support/runtimes.ts";
import { sleep } from "../support/time.ts";

const skip = process.geteuid?.() === 0 ? false : noCriu || "it takes root to become another user";

/** Runs a shell command as the user `nobody`. */
function asNobody(command: string): { ok: boolean; output: string } {
  const { status, stdout, stderr } = spawnSync(
    "setpriv",
    ["--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", command],
    { encoding: "utf8" },
  );
  return { ok: status === 0, output: stdout + stderr };
}

/** The page of an app, as a shell finds it. */
function pagePath(pid: number): string {
  const fd = shell(`ls -l /proc/${pid}/fd | sed -n 's|.* \\([0-9]*\\) -> /memfd:criu-aware (deleted)$|\\1|p'`).trim();
  return `/proc/${pid}/fd/${fd}`;
}

for (const runtime of runtimes) {
  test(`${runtime}: another user can neither read the page nor write to it`, { skip }, async () => {
    await using app = await App.start(runtime);
    const page = pagePath(app.pid);
    assert.equal(shell(`head -c 8 ${page}`), "criuawar");
    assert.match(asNobody(`head -c 8 ${page}`).output, /Permission denied/);
    assert.match(asNobody(`ls /proc/${app.pid}/fd`).output, /Permission denied/);
    assert.match(asNobody(`printf x >${page}`).output, /Permission denied/);
  });

  test(`${runtime}: another user cannot notify by signal`, { skip }, async () => {
    await using app = await App.start(runtime, { bareLeaseMs: 2 });
    assert.match(asNobody(`kill -URG ${app.pid}`).output, /not permitted/);
    await sleep(50);
    assert.deepEqual(app.named("before"), []);
    shell(`kill -URG ${app.pid}`);
    await app.event("before");
  });

  test(`${runtime}: another user cannot notify by socket`, { skip }, async () => {
    await using app = await App.start(runtime, { strategies: ["socket"] });
    chmodSync(app.directory, 0o755);
    const path = join(app.directory, "socket");
    const request = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "checkpoint", params: { leaseMs: 1 } });
    const client = `perl -MIO::Socket::UNIX -e '$s = IO::Socket::UNIX->new(Peer => "${path}") or die "$!\\n"; print $s q(${request}), "\\n"; print <$s>'`;
    assert.match(asNobody(client).output, /Permission denied/);
    assert.deepEqual(app.named("before"), []);
    assert.match(shell(client), /"ready"/);
    await app.event("before");
  });

  test(`${runtime}: another user cannot notify by file, not even in a directory for all`, { skip }, async () => {
    await using app = await App.start(runtime, { strategies: ["file"] });
    const marker = join(app.directory, "marker");
    chmodSync(app.directory, 0o755);
    assert.match(asNobody(`touch ${marker}`).output, /Permission denied/);
    // Now everybody may create files there, as in /tmp.
    chmodSync(app.directory, 0o1777);
    assert.ok(asNobody(`echo '{"id":"stranger"}' >${marker}`).ok);
    await sleep(100);
    assert.deepEqual(app.named("before"), []);
    assert.match(readFileSync(marker, "utf8"), /stranger/);
    shell(`rm ${marker}`);
    assert.ok(asNobody(`ln -s /etc/hostname ${marker}`).ok);
    await sleep(100);
    assert.deepEqual(app.named("before"), []);
    shell(`rm ${marker}`);
    writeFileSync(marker, "");
    await app.event("before");
    assert.ok(existsSync(marker));
  });
}
