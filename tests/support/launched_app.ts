/** An app that shows its environment, as everything in it sees it, at its start and after each restore. */
import { spawnSync } from "node:child_process";
import { writeSync } from "node:fs";
import { attach } from "criu-aware";
import { environment } from "criu-aware/resources/environment";
import { signal } from "criu-aware/strategies/signal";
import { openLibc } from "../../ffi/libc.ts";

interface Options {
  /** Without `environment()`. */
  readonly deaf?: boolean;
  readonly immutable?: readonly string[];
  readonly envGate?: readonly string[];
  readonly uid?: number;
}

const [json = "{}"] = process.argv.slice(2);
const options: Options = JSON.parse(json);
const libc = await openLibc();
const { getenv } = libc.runtime.dlopen(libc.soname, { getenv: [["buffer"], "usize"] });
const say = (event: string, details: object): void =>
  void writeSync(1, `${JSON.stringify({ event, at: Date.now(), ...details })}\n`);

/** Of a variable: in the program, in libc, in a child of node:child_process, in a child of the runtime itself. */
function seen(name: string): (string | undefined)[] {
  const address = BigInt(getenv(new TextEncoder().encode(`${name}\0`)));
  const bytes = address === 0n ? undefined : new Uint8Array(libc.runtime.view(address, 64));
  const text = bytes && new TextDecoder().decode(bytes.slice(0, bytes.indexOf(0)));
  const { stdout } = spawnSync("printenv", [name], { encoding: "utf8" });
  return [process.env[name], text, line(stdout), line(ownChild(name))];
}

function ownChild(name: string): string {
  const command = ["printenv", name] as const;
  const output =
    "Bun" in globalThis
      ? Bun.spawnSync([...command]).stdout
      : new Deno.Command(command[0], { args: [command[1]] }).outputSync().stdout;
  return new TextDecoder().decode(output);
}

function line(text: string): string | undefined {
  return text === "" ? undefined : text.trimEnd();
}

const show = (event: string, more: object = {}): void =>
  say(event, {
    added: seen("ADDED"),
    changed: seen("CHANGED"),
    gone: seen("GONE"),
    own: seen("OWN"),
    timeZone: new Intl.DateTimeFormat().resolvedOptions().timeZone,
    hours: new Date(0).getHours(),
    args: process.argv.slice(2),
    ownArgs: "Bun" in globalThis ? Bun.argv.slice(2) : Deno.args,
    cwd: process.cwd(),
    ...more,
  });

process.env.OWN = "set by the program";
if (options.uid !== undefined) process.setuid?.(options.uid);
const agent = await attach({ strategies: [signal()] });
if (!options.deaf) {
  const { immutable = [], envGate = [] } = options;
  agent.register(environment({ immutable, envGate }));
}
agent.register({
  name: "show",
  afterRestore: ({ outcome, launch }) => show(outcome, { launch, same: launch === agent.launch }),
});
show("attached", { launch: agent.launch });
setInterval(() => {}, 1000);
