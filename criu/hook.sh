#!/bin/sh
# The action script of criu-aware: `criu dump --action-script hook.sh`, or a line `action-script /path/hook.sh` in a
# configuration file of CRIU (then it also works under runc, crun and podman). It needs a POSIX shell and coreutils.
#
# pre-dump:  tells every attached process of the tree, waits until all are ready, and makes the dump fail if one refuses or
#            stays silent. Nothing was frozen then.
# post-dump: makes the dump fail if an app is no longer held (its lease ran out before the freeze).
#
# CRIU_AWARE_TIMEOUT_MS  how long the apps may prepare (10000)
# CRIU_AWARE_LEASE_MS    how long a ready app holds before the freeze (5000)
# CRIU_AWARE_MARKER      marker file of an app that takes notices by file only, as this script sees it
# CRIU_AWARE_UNAWARE=1   dump also when no process of the tree is attached
set -u

# An early way out: nobody waits for the other actions.
case " ${CRIU_AWARE_HOOKS-pre-dump post-dump} " in *" ${CRTOOLS_SCRIPT_ACTION-} "*) ;; *) exit 0 ;; esac

# Our own engines do all themselves. By RPC CRIU has asked already; the command engine is asked through its pipes
# (hook_channel.ts): when it is dead, they are gone, and we fail.
[ "${CRIU_AWARE_DRIVER-}" != rpc ] || exit 0
if [ -n "${CRIU_AWARE_DRIVER-}" ]; then
  # shellcheck disable=SC2086 # three numbers: pid, pipe for the question, pipe for the answer
  set -- $CRIU_AWARE_DRIVER
  echo "$CRTOOLS_SCRIPT_ACTION" >"/proc/$1/fd/$2" && read -r answer <"/proc/$1/fd/$3" && [ "$answer" = go ]
  exit
fi

timeout_ms=${CRIU_AWARE_TIMEOUT_MS:-10000}
lease_ms=${CRIU_AWARE_LEASE_MS:-5000}
id_file=$CRTOOLS_IMAGE_DIR/criu-aware.notice

# Milliseconds since 1970; whole seconds, rounded up, where date(1) knows no fractions.
now_ms() {
  time_ms=$(date +%s%3N)
  case "$time_ms" in *[!0-9]*) time_ms=$(date +%s)999 ;; esac
  echo "$time_ms"
}

say() { echo "criu-aware: $*" >&2; }

# The process tree below and with $1: what CRIU dumps.
tree() {
  echo "$1"
  for children in /proc/"$1"/task/*/children; do
    read -r list <"$children" 2>/dev/null || true
    for child in ${list-}; do tree "$child"; done
    list=
  done
}

# The agent page of process $1. The offsets are those of page/layout.ts.
page_of() {
  fd=$(ls -l "/proc/$1/fd" 2>/dev/null | sed -n 's|.* \([0-9]*\) -> /memfd:criu-aware (deleted)$|\1|p' | head -n 1)
  page=/proc/$1/fd/$fd
  [ -n "$fd" ] && [ "$(head -c 8 "$page")" = criuawar ]
}
text() { dd if="$page" bs=1 skip="$1" count="$2" 2>/dev/null | tr -d '\000'; }
put() { dd of="$page" bs="$1" seek="$2" conv=notrunc 2>/dev/null; }
u32() { printf "$(printf '\\%03o\\%03o\\%03o\\%03o' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255)))"; }
look() {
  # shellcheck disable=SC2046 # numbers
  set -- $(od -An -v -tu4 -j20 -N136 "$page")
  state=$1 reply=$2 wake_signal=$6 notice_signal=$7 signals_sent=${34}
}
# Sends signal $1 to process $2, whose page says that it comes from us.
ring() {
  u32 $((signals_sent + 1)) | put 4 38
  kill -"$1" "$2"
}
is_signal() { [ "$1" -ge 1 ] && [ "$1" -le 64 ] && [ "$1" -ne 9 ] && [ "$1" -ne 19 ]; }

is_paused() {
  while IFS=: read -r _ controller path; do
    case "$controller" in
    "") grep -qs '^frozen 1' "/sys/fs/cgroup$path/cgroup.events" "/sys/fs/cgroup/unified$path/cgroup.events" && return 0 ;;
    *freezer*) grep -qs '^FR[EO]' "/sys/fs/cgroup/freezer$path/freezer.state" && return 0 ;;
    esac
  done <"/proc/$1/cgroup"
  return 1
}

# Tells process $1 that no image was made.
abort() {
  page_of "$1" || return 0
  look
  [ "$(text 2560 1024 | grep -c "$id")" = 0 ] || printf '\000' | put 512 5
  u32 0 | put 4 17
  printf '%s\000' "$id" | put 16 7
  u32 2 | put 4 17
  ! is_signal "$wake_signal" || ring "$wake_signal" "$1" 2>/dev/null || true
}

refuse() {
  say "$*: the dump is refused, nothing was frozen"
  for told in $notified; do abort "$told"; done
  exit 1
}

attached=
for pid in $(tree "$CRTOOLS_INIT_PID"); do
  ! page_of "$pid" || attached="$attached $pid"
done

id='' owner=''
[ ! -r "$id_file" ] || read -r id owner <"$id_file"
if [ "$CRTOOLS_SCRIPT_ACTION" = post-dump ] || [ "$owner" = $PPID ]; then
  # Nobody was told, or this CRIU runs us twice (by option and by a configuration file) and has told them already.
  [ "$owner" = $PPID ] || exit 0
  for pid in $attached; do
    page_of "$pid" && look
    if [ "$state" != 2 ] || [ "$(text 72 40)" != "$id" ]; then
      say "process $pid was no longer held when it was frozen: the dump is refused, its images are void"
      exit 1
    fi
  done
  exit 0
fi

notified=
if [ -z "$attached" ]; then
  [ -n "${CRIU_AWARE_UNAWARE-}" ] && exit 0
  refuse "no process of the tree of $CRTOOLS_INIT_PID is attached (set CRIU_AWARE_UNAWARE=1 to dump it all the same)"
fi

read -r id </proc/sys/kernel/random/uuid
echo "$id $PPID" >"$id_file"
deadline=$(($(now_ms) + timeout_ms))
notice="{\"id\":\"$id\",\"deadline\":$deadline,\"leaseMs\":$lease_ms,\"driver\":{\"pid\":$PPID,\"namespace\":\"$(readlink /proc/self/ns/pid)\"}}"

# All first, then wait.
for pid in $attached; do
  is_paused "$pid" && refuse "process $pid is paused and cannot answer"
  page_of "$pid" && look
  notified="$notified $pid"
  if [ "$notice_signal" != 0 ]; then
    is_signal "$notice_signal" || refuse "process $pid names $notice_signal as its signal"
    printf '%s\000' "$notice" | put 512 5
    ring "$notice_signal" "$pid" || refuse "process $pid cannot be notified"
  elif [ -n "${CRIU_AWARE_MARKER-}" ]; then
    echo "$notice" >"$CRIU_AWARE_MARKER.$$" && mv "$CRIU_AWARE_MARKER.$$" "$CRIU_AWARE_MARKER" || refuse "$CRIU_AWARE_MARKER cannot be written"
  else
    refuse "process $pid takes no notice by signal (set CRIU_AWARE_MARKER if it listens to a marker file)"
  fi
done

refused=
for pid in $attached; do
  reply=0
  # The id first: the app takes its old reply away before it names the next notice.
  while page_of "$pid" && { [ "$(text 72 40)" != "$id" ] || { look && [ "$reply" = 0 ]; }; }; do
    [ "$(now_ms)" -le "$deadline" ] || refuse "process $pid did not answer within $timeout_ms ms"
    sleep 0.01
  done
  case "$reply" in
  1) ;;
  2)
    refused="$refused $pid"
    text 4096 8192 | tr -d '\001-\010\013-\037\177' | while read -r reason || [ -n "$reason" ]; do say "process $pid refuses: $reason"; done
    ;;
  *) refuse "process $pid has ended" ;;
  esac
done
[ -z "$refused" ] || refuse "refused by$refused"
