/**
 * The action script of the command engine, which asks the process that runs CRIU through its pipes (hook_channel.ts). CRIU gets it as a
 * file in memory: a package that was loaded from a URL has no file beside it, a disk may be full, and nobody else can change it.
 *
 * CRIU_AWARE_DRIVER names that process: its pid, then descriptor and inode of the pipe for the question, and of that for the answer. When
 * it is dead, they are gone, and the script fails, also where its pid means another process now.
 */
export const hookChannelScript = `#!/bin/sh
set -u

# An early way out: nobody waits for the other actions.
case " $CRIU_AWARE_HOOKS " in *" \${CRTOOLS_SCRIPT_ACTION-} "*) ;; *) exit 0 ;; esac

# shellcheck disable=SC2086 # five numbers
set -- $CRIU_AWARE_DRIVER
exec 3>>"/proc/$1/fd/$2" 4<"/proc/$1/fd/$4" || exit
[ "$(readlink /proc/self/fd/3) $(readlink /proc/self/fd/4)" = "pipe:[$3] pipe:[$5]" ] || exit
echo "$CRTOOLS_SCRIPT_ACTION \${CRTOOLS_INIT_PID-}" >&3 && read -r answer <&4 && [ "$answer" = go ]
`;
