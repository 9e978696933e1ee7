/** Every example of every --help, run as it stands there. One that is not in the table below fails. */
import assert from "node:assert/strict";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { Command } from "commander";
import { locateCriu } from "criu-aware/driver";
import { createProgram } from "../../cli/program.ts";
import { startProgram } from "../support/child.ts";
import { cli } from "../support/cli.ts";
import { noCriu } from "../support/criu.ts";
import { runCommand } from "../support/runtimes.ts";
import { temporaryDirectory } from "../support/temporary_directory.ts";

const root = join(import.meta.dirname as string, "../..");

const app = `
  import { attach } from "criu-aware";
  import { environment } from "criu-aware/resources/environment";
  import { signal } from "criu-aware/strategies/signal";
  import { socket } from "criu-aware/strategies/socket";
  const agent = await attach({ strategies: [signal(), socket()] });
  agent.register(environment());
  globalThis.kept = "a text";
  setInterval(() => {}, 1000);
`;

const point = `
  import { attach } from "criu-aware";
  import { signal } from "criu-aware/strategies/signal";
  const agent = await attach({ strategies: [signal()] });
  setTimeout(() => agent.point(), 100);
  setInterval(() => {}, 1000);
`;

const trainer = `
  import { attach } from "criu-aware";
  import { defineState, openState, scalar } from "criu-aware/gpu";
  const state = await openState(defineState({ step: scalar("u32") }), { name: "trainer" });
  state.save({ step: new Uint32Array([7]) });
  await attach({ strategies: [] });
  setInterval(() => {}, 1000);
`;

/** What the shell that runs the examples has: the apps are ended with it. */
const prelude = `
set -eu -o pipefail
id= pid=
stop() { [ -z "$pid" ] || kill -KILL $pid 2>/dev/null || true; pid=; rm -rf images; }
trap stop EXIT
app() { stop; pid=$(criu-aware run --wait -- bun \${1:-app.ts}); }
mkdir -p /etc/criu
mount -t tmpfs -o mode=755 none /etc/criu
mount -t tmpfs none /dev/shm
mkdir -p .config/fish/completions
fpath=(none "$PWD")
printf 'a text\\n' >secret.txt
echo PORT=8080 >.env
`;

/** How an example is run: what has to be there before, and what it must have done. `$pid` stands for 1234. */
interface Run {
  readonly before?: string;
  readonly after?: string;
  /** It stays until it is stopped. */
  readonly stays?: true;
}

const dumped = "app; criu-aware dump $pid -D images";
const installed = "ls /etc/criu/criu-aware-hook.sh";

const runs: Readonly<Record<string, Run>> = {
  "pid=$(criu-aware run --wait -- bun app.ts)": { after: "criu-aware status $pid" },
  "criu-aware dump $pid -D images": {},
  "criu-aware restore images": { before: "[ -e images ] || { app; criu-aware dump $pid -D images; }" },
  "criu-aware run -- bun app.ts": { before: "stop", after: "pid=$(cat printed); kill -0 $pid" },
  "pid=$(criu-aware run --wait --log /var/log/app.log -- deno run -A app.ts)": { before: "stop", after: "ls app.log" },
  "criu-aware run --wait-point --timeout-ms 60000 -- bun app.ts": {
    before: "stop; cp app.ts kept.ts; cp point.ts app.ts",
    after: "pid=$(cat printed); kill -0 $pid; mv kept.ts app.ts",
  },
  "criu-aware run --foreground --restore-or-start images -- bun app.ts": { before: "stop", stays: true },
  "criu-aware dump 1234 -D images": { before: "app", after: "ls images/inventory.img" },
  "criu-aware dump 1234 -D images --leave-running --label version=7": { before: "app", after: "kill -0 $pid" },
  "criu-aware dump 1234 -D images --at-point --timeout-ms 60000": {
    before: "app point.ts",
    after: "ls images/inventory.img",
  },
  "criu-aware dump 1234 -D images --criu-option --tcp-close": {
    before: "app",
    after: "ls images/inventory.img",
  },
  "criu-aware restore images --json": { before: dumped, after: "kill -0 $pid" },
  "criu-aware restore images --env LOG_LEVEL=debug --env-file .env -- --port 8080": {
    before: dumped,
    after: "kill -0 $pid",
  },
  "criu-aware restore images --criu-option --tcp-close": { before: dumped, after: "kill -0 $pid" },
  "criu-aware status": { before: "app", after: "grep $pid printed" },
  "criu-aware status 1234": { after: "grep strategies printed" },
  "criu-aware status --json": { after: "grep $pid printed" },
  "criu-aware inspect 1234": { before: "app" },
  "criu-aware inspect 1234 --criu-option --tcp-close": {},
  "criu-aware images images": { before: dumped, after: "grep 4.2 printed" },
  "criu-aware images images --find 'a text'": { after: "grep Found printed" },
  "criu-aware images images --find - < secret.txt": { after: "grep Found printed" },
  "criu-aware images images --find-file secret.txt": { after: "grep Found printed" },
  "criu-aware images monday tuesday": {
    before: "app; for day in monday tuesday; do criu-aware dump $pid -D $day --leave-running; done",
  },
  "criu-aware state 1234": { before: "app trainer.ts", after: "grep step printed" },
  "criu-aware state /dev/shm/trainer.0": { after: "grep step printed" },
  "criu-aware state 1234 --export state.safetensors": { after: "ls state.safetensors" },
  "criu-aware simulate 1234": { before: "app", after: "grep restored printed" },
  "criu-aware simulate 1234 --env LOG_LEVEL=debug -- --port 8080": { before: "app", after: "grep restored printed" },
  "criu-aware simulate 1234 --strategy socket --json": { after: "grep restored printed" },
  "mkdir images && criu-aware notify 1234 -- criu dump -t 1234 -D images -R": {
    before: "app",
    after: "ls images/inventory.img; kill -0 $pid",
  },
  "id=$(criu-aware notify 1234 --lease-ms 60000)": { after: "criu-aware status $pid | grep held" },
  "criu-aware notify 1234 --id $id --tell continued": { after: "criu-aware status $pid | grep running" },
  "criu-aware doctor": { after: "grep 'Dumps work here' printed" },
  "criu-aware doctor --criu /opt/criu/sbin/criu --json": {},
  // A CRIU that works is there: nothing is unpacked.
  "criu-aware setup": { after: "grep 'ok  *trial' printed" },
  "criu-aware setup --check --json": { after: "grep '\"works\":true' printed" },
  "criu-aware setup --gpu --prefix /srv/tools": { after: "grep 'ok  *vulkan' printed" },
  "criu-aware setup --from-image": { after: "grep 'ok  *trial' printed" },
  "criu-aware hook install --dry-run": { after: "[ ! -e /etc/criu/criu-aware-hook.sh ]" },
  "criu-aware hook install --for runc": { after: installed },
  "criu-aware hook install --no-unaware": { after: "grep CRIU_AWARE_UNAWARE=0 /etc/criu/criu-aware-hook.conf" },
  "criu-aware hook uninstall": { after: "[ ! -e /etc/criu/default.conf ]" },
  "criu-aware hook uninstall --for runc --dry-run": {},
  "criu-aware hook print": { after: "grep action-script printed" },
  "criu-aware hook print >> /etc/criu/runc.conf": { after: "grep action-script /etc/criu/runc.conf" },
  "source <(criu-aware completion bash)": { after: "complete -p criu-aware" },
  'criu-aware completion zsh > "${fpath[1]}/_criu-aware"': { after: "ls _criu-aware" },
  "criu-aware completion fish > ~/.config/fish/completions/criu-aware.fish": { after: "ls .config/fish/completions/*" },
  "criu-aware help dump": { after: "grep leave-running printed" },
  "criu-aware help hook install": { after: "grep unaware printed" },
};

/** Every command that has a help, with its examples. */
function helps(command: Command): { name: string; examples: string[] }[] {
  let text = "";
  command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
  const [, block = ""] = /^Examples:\n((?: {2}.*\n?)+)/m.exec(text) ?? [];
  const examples = block
    .trimEnd()
    .split("\n")
    .map((line) => line.slice(2));
  const visible = command.createHelp().visibleCommands(command);
  return [{ name: command.name(), examples }, ...visible.flatMap(helps)];
}

const all = helps(await createProgram());

test("no example of a help is missing in the table of this test, and none of the table in the helps", () => {
  assert.deepEqual([...new Set(all.flatMap(({ examples }) => examples))].sort(), Object.keys(runs).sort());
});

/** An example with what it says of a machine replaced by what is there. */
function asRun(line: string): string {
  const { before = "", after = "", stays } = runs[line] as Run;
  const here = line
    .replace(/\b1234\b/g, "$pid")
    .replace("/var/log/", '"$PWD"/')
    .replace("/srv/tools", join(root, ".tools"))
    .replace("/opt/criu/sbin/criu", locateCriu());
  const call = /^(?:pid|id)=|^source |>/.test(here) ? here : `{ ${here}; } >printed`;
  const run = stays
    ? `${here} & service=$!\nuntil criu-aware status | grep -q signal; do sleep 0.1; done\nkill $service; wait $service || [ $? = 143 ]`
    : call;
  return [before, `echo ${JSON.stringify(`runs: ${line}`).replaceAll("$", "\\$")} >&2`, run, after].join("\n");
}

for (const { name, examples } of all) {
  test(`the examples of the help of ${name} work, one after the other`, { skip: noCriu }, async () => {
    using directory = temporaryDirectory();
    const at = (path: string): string => join(directory.path, path);
    for (const path of ["bin", "node_modules", "tmp"]) mkdirSync(at(path));
    symlinkSync(root, at("node_modules/criu-aware"));
    writeFileSync(at("package.json"), JSON.stringify({ type: "module", dependencies: { "criu-aware": "*" } }));
    writeFileSync(at("app.ts"), app);
    writeFileSync(at("point.ts"), point);
    writeFileSync(at("trainer.ts"), trainer);
    const programs: Record<string, readonly string[]> = {
      bun: [runCommand.bun[0] as string],
      deno: [runCommand.deno[0] as string],
      criu: [locateCriu()],
      "criu-aware": [...runCommand.bun, cli],
    };
    for (const [program, command] of Object.entries(programs)) {
      writeFileSync(at(`bin/${program}`), `#!/bin/sh\nexec ${command.join(" ")} "$@"\n`, { mode: 0o755 });
    }
    const script = [`cd ${directory.path}`, prelude, ...examples.map(asRun)].join("\n");
    const env = { PATH: `${at("bin")}:${process.env.PATH}`, HOME: directory.path, TMPDIR: at("tmp") };
    // What an example writes into /etc/criu and /dev/shm stays in a mount namespace of this shell.
    const { code, stdout, stderr } = await startProgram("unshare", ["--mount", "bash", "-c", script], env).ended;
    assert.equal(code, 0, stderr + stdout);
  });
}
