/** What somebody names to fool who reads it: files, processes, resources, tensors, images, and what a CRIU says. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { processTree } from "../../ffi/process_tree.ts";
import { MANIFEST } from "../../images/manifest.ts";
import { fileFields, memfdInodeFields } from "../../images/messages/files.ts";
import { coreFields } from "../../images/messages/tree.ts";
import { writeManifest } from "../../images/write_manifest.ts";
import { App } from "./app.ts";
import { type Child, startProgram } from "./child.ts";
import type { RuntimeName } from "./runtimes.ts";
import { temporaryDirectory } from "./temporary_directory.ts";
import { image, message, PARENT, writeImages } from "./written_images.ts";

/** A line of its own that says what we did not say, after what drives a terminal. */
export const hostile: string = "\x1b[2J\x1b]0;t\x07\x9b31m\u202e\u2066\u2028\u200b\nFORGED";
/** At most 15 bytes: the name of a process. */
const hostileComm = "\x1b\u009b\u202e\u2028\nFO";

/** The scene, until disposal. */
export interface Scene extends AsyncDisposable {
  readonly app: App;
  /** A process that holds a lock on a file, in a session of another process, connected to a third. */
  readonly holder: number;
  /** A directory of a hostile name, and what lies in it. */
  readonly directory: string;
  readonly images: string;
  readonly otherImages: string;
  readonly brokenImages: string;
  readonly state: string;
  readonly brokenState: string;
  readonly criu: string;
}

export async function openScene(runtime: RuntimeName): Promise<Scene> {
  await using stack = new AsyncDisposableStack();
  const temporary = stack.use(temporaryDirectory());
  const directory = join(temporary.path, hostile);
  const at = (name: string): string => join(directory, name);
  for (const path of [directory, at("images"), at("other"), at("broken")]) mkdirSync(path, { mode: 0o700 });
  const holder = stack.use(startHolder(directory));
  stack.defer(() => processTree(holder.pid).forEach((pid) => void process.kill(pid, "SIGKILL")));
  const pid = Number(await holder.nextLine());
  const app = stack.use(await App.start(runtime, { resources: [{ name: hostile, does: "fails" }] }));
  await writeHostileImages(at("images"));
  writeImages(at("other"));
  writeImages(at("broken"), { "pstree.img": image("pstree", Uint8Array.of(1)) });
  writeFileSync(at("broken/criu-aware.json"), JSON.stringify({ manifest: hostile }));
  writeFileSync(at("state"), stateFile(JSON.stringify(hostile), '"F32"'));
  writeFileSync(at("broken-state"), stateFile(JSON.stringify(hostile), JSON.stringify(hostile)));
  writeFileSync(at("criu"), fakeCriu);
  chmodSync(at("criu"), 0o755);
  const kept = stack.move();
  return {
    ...{ app, holder: pid, directory, images: at("images"), otherImages: at("other"), brokenImages: at("broken") },
    ...{ state: at("state"), brokenState: at("broken-state"), criu: at("criu") },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

/** The leader of the session and its child; both have hostile names, and the child holds what blocks a dump. */
function startHolder(directory: string): Child {
  const name = 'printf %s "$NAME" >/proc/self/comm';
  const child = `${name}; exec 9>"$AT/locked$FILE"; flock 9; echo $$; sleep 600 & wait`;
  return startProgram("setsid", ["sh", "-c", `${name}; sh -c '${child}' & wait`], {
    ...{ NAME: hostileComm, FILE: hostile, AT: directory },
  });
}

async function writeHostileImages(path: string): Promise<void> {
  writeImages(path, {
    [`core-${PARENT}.img`]: image("core", message(coreFields, { mtype: 1, tc: { taskState: 1, comm: hostile } })),
    "files.img": image(
      "files",
      message(fileFields, { type: 1, id: 1, reg: { name: `/opt/${hostile}`, size: 5000n } }),
      message(fileFields, { type: 1, id: 2, reg: { name: `/tmp/${hostile}`, size: 18n } }),
      message(fileFields, { type: 18, id: 5, memfd: { inodeId: 1 } }),
    ),
    "memfd.img": image("memfd", message(memfdInodeFields, { name: hostile, size: 8192n, shmid: 88, inodeId: 1n })),
    [`${hostile}.log`]: new TextEncoder().encode("a needle"),
  });
  const facts = { criu: hostile, noticeId: undefined, apps: [], leftRunning: false, criuOptions: {} };
  const manifest = await writeManifest(path, { ...facts, labels: { [hostile]: hostile } });
  const machine = { ...manifest.machine, arch: hostile, kernel: hostile };
  const files = [{ name: hostile, bytes: 1 }];
  writeFileSync(join(path, MANIFEST), JSON.stringify({ ...manifest, machine, files }));
}

/** A safetensors file of one tensor with four bytes. */
function stateFile(name: string, dtype: string): Uint8Array {
  const metadata = `"__metadata__":{${name}:${name}}`;
  const text = new TextEncoder().encode(`{${metadata},${name}:{"dtype":${dtype},"shape":[1],"data_offsets":[0,4]}}`);
  const file = new Uint8Array(8 + text.length + 4);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  return file;
}

/** In the log of a program a newline in a name begins a line: there is no telling. */
export const inLog: string = hostile.replaceAll("\n", "");

/** Says the right version, fails at all else, and tells why in hostile words. */
const fakeCriu = `#!/bin/sh
[ "$1" = --version ] && echo "Version: 4.2.1" && exit
while [ $# -gt 0 ]; do
  case $1 in --images-dir) images=$2 ;; --log-file) log=$2 ;; esac
  shift
done
cat >&2 <<'END'
Error (${inLog}): ${inLog}
END
[ -n "$log" ] && cat >"$images/$log" <<'END'
(00.1) Error (criu/x.c:1): Can't fork ${inLog}
END
exit 1
`;
