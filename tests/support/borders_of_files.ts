/** Which files take something from outside, and which borders of SECURITY.md they belong to. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** The rooms that ship. */
const rooms = [
  ...["ffi", "lifecycle", "page", "strategies", "gpu", "resources", "blockers", "images", "package", "criu", "driver"],
  ...["testing", "cli", "setup"],
];

/** By what calls a file is known that takes something from outside. */
const signs: Readonly<Record<string, RegExp>> = {
  "what is parsed": /\b(JSON\.parse|fromBinary|parseJson)\(/,
  "a file that is read":
    /\b(readFileSync|openSync|readSync|openChecked|openRegularFile|openEntry|openBeneath|readUpTo|createReadStream)\(|\blibc\.read\(/,
  "a text of the kernel": /\b(readOrEmpty|readProc|readLines|beginningOfProc|readCommandLine)\(/,
  "a socket": /\.(recv|accept4|connect|listen)\(|\bgetxattr\(/,
  "shared memory": /\b(createMemfd|mapShared|claim)\(/,
  "an environment": /\bprocess\.env\b/,
  "a stream": /\bprocess\.stdin\b|\bdrain\(libc/,
};

/** The files that have such signs, and which. What a generator made has none of its own. */
export function filesWithSigns(root: string): Map<string, string[]> {
  const names = rooms.flatMap((room) =>
    readdirSync(join(root, room), { recursive: true, encoding: "utf8" }).map((name) => join(room, name)),
  );
  const found = new Map<string, string[]>();
  for (const file of [...names, ...readdirSync(root)].filter((name) => /(?<!_pb)\.ts$/.test(name))) {
    const text = readFileSync(join(root, file), "utf8").replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, "");
    const its = Object.keys(signs).filter((sign) => signs[sign]?.test(text));
    if (its.length > 0) found.set(file, its);
  }
  return found;
}

/** Files that a row of SECURITY.md speaks of, by the first cell of that row, though it names the file that checks. */
export const coveredBy: Readonly<Record<string, readonly string[]>> = {
  "names of files, processes, peers, tensors, images; CRIU's log": ["cli/last_words.ts", "cli/progress.ts"],
  "what the kernel tells of sockets, mounts, mappings and descriptors": [
    ...["blockers/namespaces.ts", "blockers/processes.ts", "blockers/sockets.ts", "blockers/unix_sockets.ts"],
    "ffi/id_holders.ts",
  ],
  "the path of a marker, and what lies there": ["ffi/beneath.ts", "ffi/entries.ts", "ffi/inotify.ts"],
  "the app's socket": ["ffi/unix_listener.ts"],
  "what is in images and manifests": ["images/digest.ts", "images/regular_file.ts"],
  "options and environment of a driver": [
    ...["cli/hook.ts", "cli/launch.ts", "cli/notify.ts", "cli/paint.ts", "cli/wanted_text.ts", "criu/command.ts"],
    ...["ffi/on_path.ts", "images/identity/command.ts", "images/identity/misfit.ts"],
    ...["setup/vulkan.ts", "setup/vulkan_trial.ts"],
  ],
  "files that we write: logs, traces, manifests, exports": ["driver/trace.ts"],
  "the launch on a page": [
    ...["ffi/bun_environment.ts", "ffi/environment.ts", "ffi/node_environment.ts"],
    ...["resources/environment/mod.ts", "resources/environment/variables.ts"],
  ],
  "what CRIU answers, and what its action script asks": ["criu/rpc/swrk.ts", "criu/lazy_pages.ts"],
  "what `listenAt` of connections() returns, and its rules": ["resources/connections/listeners.ts"],
  "saved states and their segments": ["gpu/state/write_whole.ts"],
};

/** Files that take nothing of anybody else's, and why. A program may believe the kernel, its own files, and its own children. */
export const notFromOutside: Readonly<Record<string, readonly string[]>> = {
  "they read for others, which are the ones to look at": [
    ...["ffi/fs_proc.ts", "ffi/read_or_empty.ts", "ffi/read_up_to.ts", "ffi/memory.ts"],
    ...["ffi/shared_memory.ts", "ffi/message_socket.ts", "ffi/deno_reader.ts"],
  ],
  "the kernel alone writes it, of this process or of the machine": [
    ...["cli/criu_checks.ts", "cli/doctor_checks.ts", "driver/descriptor_limit.ts", "driver/paused.ts"],
    ...["driver/restore_watch.ts", "ffi/restore_signs.ts", "ffi/worker_threads.ts"],
    ...["ffi/capabilities.ts", "ffi/epoll.ts", "ffi/ignored_signals.ts", "ffi/next_pid.ts", "ffi/wipe_on_fork.ts"],
    ...["gpu/cuda/held.ts", "gpu/cuda/pinned.ts", "gpu/state/available_memory.ts", "gpu/webgpu/remote.ts"],
    "images/machine.ts",
  ],
  "root writes it: /etc/passwd, /etc/resolv.conf": ["ffi/users.ts", "resources/environment/surroundings.ts"],
  "this process has made it itself, or a child of it": [
    ...["criu/trial.ts", "driver/checkpoint.ts", "driver/cuda/guard.ts", "driver/cuda/processes.ts"],
    ...["driver/recorder.ts", "ffi/bun.ts", "ffi/doorbell.ts", "ffi/exec.ts", "ffi/scratch_file.ts"],
    ...["gpu/state/segment.ts", "page/app_page.ts", "resources/connections/drain.ts"],
    ...["resources/connections/mod.ts", "resources/workers/shared_page.ts"],
  ],
  "it is of this package itself": ["package/invocation.ts", "package/shipped.ts"],
};
