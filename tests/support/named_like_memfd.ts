import { readFileSync } from "node:fs";
import { type Child, startProgram } from "./child.ts";
import { asNobody } from "./nobody.ts";

/** Why files cannot be named like memfds here; false when they can. */
export const noMounts: string | false = process.geteuid?.() === 0 ? false : "it takes root to mount a file system";

const kinds = {
  file: `printf precious >"$f"; exec 7<>"$f"`,
  fifo: `mkfifo "$f"; exec 7<>"$f"`,
  // /dev/full: to write there is seen to fail, and does no harm.
  device: `mknod "$f" c 1 7; exec 7<>"$f"`,
} as const;

/**
 * Starts a shell of the user `nobody` whose descriptor 7 has the link text of a memfd with this name, and is something else: a file of a
 * file system that was unmounted lazily has no other path than its name. `script` goes on.
 */
export async function startNamed(
  name: string,
  kind: keyof typeof kinds,
  script = "sleep 60 & echo $!; wait",
): Promise<Child & { readonly child: number; content(): string | undefined }> {
  const inside = `at=$(mktemp -d); mount -t tmpfs t "$at"; f="$at/memfd:${name}"; ${kinds[kind]}
    rm "$f"; umount -l "$at"; rmdir "$at"; exec setpriv ${asNobody.join(" ")} sh -c '${script}'`;
  const started = startProgram("unshare", ["--mount", "sh", "-c", inside]);
  const child = Number(await started.nextLine());
  return {
    ...started,
    child,
    content: () => (kind === "file" ? readFileSync(`/proc/${started.pid}/fd/7`, "utf8") : undefined),
    async [Symbol.asyncDispose]() {
      process.kill(child, "SIGKILL");
      await started[Symbol.asyncDispose]();
    },
  };
}
