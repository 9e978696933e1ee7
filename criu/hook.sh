#!/bin/sh
# The action script of criu-aware: `criu dump --action-script hook.sh`, or a line `action-script /path/hook.sh` in a
# configuration file of CRIU (then it also works under runc, crun and podman). It needs a POSIX shell (2024), and coreutils and
# findutils or busybox. Where flock(1) is installed, it keeps other drivers away while an app is asked.
# pre-dump:  tells every attached process of the tree, waits until all are ready, and makes the dump fail if one refuses or
#            stays silent. Nothing was frozen then. One that waits at its point (agent.point()) is ready at once.
# post-dump: makes the dump fail if an app is no longer held (its lease ran out before the freeze).
#
# Settings come from the environment, or from KEY=VALUE lines of criu-aware-hook.conf beside this script:
# CRIU_AWARE_TIMEOUT_MS  how long the apps may prepare (10000)
# CRIU_AWARE_LEASE_MS    how long a ready app holds before the freeze (5000)
# CRIU_AWARE_MARKER      marker file of an app that takes notices by file only, as this script sees it
# CRIU_AWARE_UNAWARE     1: dump also when no process of the tree is attached
# CRIU_AWARE_NOTICE      environment only: apps that this notice holds need no other (criu-aware notify sets it)
#
# The processes may be hostile, and this runs as root. A page is found in the memory map of a process, and opened once, through
# /proc/PID/map_files: a process maps only what it may open itself, no device or FIFO that it merely has a descriptor of. (Only
# root may go that way. Without root's rights there is nothing to misuse, and the descriptor is opened.) What was opened is
# checked, then read and written by that descriptor alone: a regular file without a name, of the size of a page, owned by a user
# of the process: what else passes as a page is memory of that user. /proc/PID is the working directory, for a relative path never
# means a later process of that pid. timeout(1) bounds everything: what is mapped can make a look hang.
# What is split on purpose are numbers, and paths of /proc.
# shellcheck disable=SC2038,SC2046,SC2086
set -u

# Nobody waits for the other actions, and our own engines ask the apps themselves.
case "${CRTOOLS_SCRIPT_ACTION-}${CRIU_AWARE_DRIVER-}" in pre-dump | post-dump) ;; *) exit 0 ;; esac

export PATH="${PATH:-/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin}" LC_ALL=C

# Prints lines so that crun and runc show them ("Error"), safe for a terminal: what is not plain ASCII becomes "?".
log() {
  lines=$(tr -c '\012\040-\176' '?' | head -n 100 | sed 's/^/Error (criu-aware): /')
  printf '%s\n' "$lines" >&2
  ! command -v logger >/dev/null || printf '%s\n' "$lines" | timeout -s KILL 2 logger -t criu-aware -p daemon.err 2>/dev/null
}
fail() { printf '%s\n' "$*" | log; exit 1; }
is_number() { case "$1" in '' | *[!0-9]* | 0?* | ??????????*) return 1 ;; esac }

# The settings of the file, where the environment has none.
settings() {
  [ -e "$1" ] || [ -L "$1" ] || return 0
  set -- "$1" $(stat -c '0x%f %u' "$1")
  [ $(($2 & 0170022)) = $((0100000)) ] || fail "$1 is not a file that only its owner can write: chmod go-w $1"
  [ "$3" = 0 ] || [ "$3" = "$(id -u)" ] || fail "$1 belongs to another user: chown root $1"
  while IFS= read -r line || [ -n "$line" ]; do
    value=${line#*=}
    case "$line" in
    '' | '#'*) ;;
    CRIU_AWARE_TIMEOUT_MS=*) : "${CRIU_AWARE_TIMEOUT_MS=$value}" ;;
    CRIU_AWARE_LEASE_MS=*) : "${CRIU_AWARE_LEASE_MS=$value}" ;;
    CRIU_AWARE_MARKER=*) : "${CRIU_AWARE_MARKER=$value}" ;;
    CRIU_AWARE_UNAWARE=*) : "${CRIU_AWARE_UNAWARE=$value}" ;;
    *) fail "$1 has a line that is no setting: $line" ;;
    esac
  done <"$1"
}

# As CRIU runs us: the work is done in a second run, `hook.sh STEP CRIU ID`, that can be killed.
if [ $# = 0 ]; then
  settings "${0%/*}/criu-aware-hook.conf"
  export CRIU_AWARE_TIMEOUT_MS="${CRIU_AWARE_TIMEOUT_MS:-10000}" CRIU_AWARE_LEASE_MS="${CRIU_AWARE_LEASE_MS:-5000}"
  export CRIU_AWARE_MARKER="${CRIU_AWARE_MARKER-}" CRIU_AWARE_UNAWARE="${CRIU_AWARE_UNAWARE-}"
  for number in "$CRIU_AWARE_TIMEOUT_MS" "$CRIU_AWARE_LEASE_MS" "${CRTOOLS_INIT_PID-}"; do
    is_number "$number" || fail "\"$number\" is no number: see CRIU_AWARE_TIMEOUT_MS, CRIU_AWARE_LEASE_MS, CRTOOLS_INIT_PID"
  done
  [ "$CRIU_AWARE_LEASE_MS" -le 600000 ] || fail "no app holds for longer than 600000 ms: see CRIU_AWARE_LEASE_MS"
  read -r id </proc/sys/kernel/random/uuid
  criu=$PPID
  # Runs a step for at most $1 seconds.
  run() {
    timeout -s KILL "$1" sh "$0" "$2" "$criu" "$id" && return
    case $? in 124 | 137) echo "the tree of $CRTOOLS_INIT_PID could not be looked at within $1 s: a process makes it hang" | log ;; esac
    return 1
  }
  limit=$((CRIU_AWARE_TIMEOUT_MS / 1000 + 2))
  if [ "$CRTOOLS_SCRIPT_ACTION" = post-dump ]; then
    run $limit held || fail "the dump is refused, its images are void"
  elif ! run $limit ask; then
    run 5 abort 2>/dev/null
    fail "the dump is refused, nothing was frozen"
  fi
  exit 0
fi

# How a step ends for a process without a page.
NOT_ATTACHED=3
# Hundredths of a second since the system started: no process is needed for it.
now() { read -r time _ </proc/uptime && time=$((${time%.*} * 100 + 1${time#*.} - 100)); }
in_time() { now && [ "$time" -le "$deadline" ]; }
refuse() { fail "process $pid $*"; }

# The process tree below and with $1: what CRIU dumps.
tree() {
  level=$1
  while [ -n "$level" ]; do
    printf '%s\n' $level
    next=''
    for parent in $level; do
      for children in /proc/"$parent"/task/*/children; do
        list='' && read -r list <"$children"
        next="$next $list"
      done
    done
    level=${next#"${next%%[0-9]*}"}
  done 2>/dev/null
}

# What may be the pages of the tree, PID:PLACE:INODE each. In a memory map a name cannot hold the end of a line.
pages() {
  link='[0-9a-f]*-[0-9a-f]* rw-s 00000000 [0-9a-f:]* [0-9]* */memfd:criu-aware (deleted)$'
  tree "$CRTOOLS_INIT_PID" | sed 's|.*|/proc/&/maps|' | xargs grep -s "^$link" /dev/null |
    sed 's|^/proc/\([0-9]*\)/maps:\([0-9a-f-]*\) [^ ]* [^ ]* [^ ]* \([0-9]*\) .*|\1:\2:\3|' | sort -u -t : -k 1,1 -k 3,3
}

# Whether process $pid is of the tree: its pid may have been taken by a new process since we looked.
is_below() {
  above=$pid
  until [ "$above" = "$CRTOOLS_INIT_PID" ]; do
    above=$(sed -n 's/^PPid:[^0-9]*//p' "/proc/$above/status" 2>/dev/null)
    [ "${above:-0}" != 0 ] || return 1
  done
}
# Runs a step with the page at $2, with inode $3, of process $1 as descriptor 3.
with_page() {
  cd "/proc/$1" 2>/dev/null || exit $NOT_ATTACHED
  pid=$1 page=map_files/$2 inode=$3
  [ -e "$page" ] || [ "$(id -u)" = 0 ] || page=$(find -L fd -maxdepth 1 -inum "$inode" 2>/dev/null | head -n 1)
  [ -e "$page" ] || exit $NOT_ATTACHED
  { is_below && is_there || exit $NOT_ATTACHED; check_page && "$step"; } 3<>"$page"
}

# The offsets are those of page/layout.ts.
text() { dd if=/proc/self/fd/3 bs=8 skip=$(($1 / 8)) count=$(($2 / 8)) 2>/dev/null | tr -d '\000'; }
put() { dd of=/proc/self/fd/3 bs="$1" seek="$2" conv=notrunc 2>/dev/null; }
u32() { printf "$(printf '\\%03o\\%03o\\%03o\\%03o' $(($1 & 255)) $(($1 >> 8 & 255)) $(($1 >> 16 & 255)) $(($1 >> 24 & 255)))"; }
look() {
  set -- $(od -An -v -tu4 -j8 -N152 /proc/self/fd/3)
  [ $# = 38 ] || refuse "shows a page that became shorter"
  version=$1 owner=$3 state=$4 reply=$5 wake_signal=$9 notice_signal=${10} signals_sent=${37} point=${38}
  shift 16
  active_id=" $* "
}
is_free() { [ "$state" = 0 ] || [ "$state,$point" = 2,1 ]; }
# Whether the process has this user.
is_own() { case "$uids" in *[!0-9]"$1"[!0-9]*) ;; *) return 1 ;; esac }
# Whether what was opened is the page of the process. One that it inherited by fork is not.
check_page() {
  set -- $(stat -L -c '%f %h %s %i %u' /proc/self/fd/3)
  case "$*" in 8???" 0 327680 $inode "*) ;; *) refuse "shows a page that is none" ;; esac
  [ "$(text 0 8)" = criuawar ] || exit $NOT_ATTACHED
  uids=" $(sed -n 's/^Uid://p' status) " inner_pid=$(sed -n 's/^NSpid:.*[^0-9]//p' status)
  look
  [ "$owner" = "$inner_pid" ] && [ "$state" != 4 ] || exit $NOT_ATTACHED
  is_own "$5" || refuse "shows a page of another user"
  [ "$version" = 1 ] || refuse "has a page of version $version, and this script knows 1: install the script of its criu-aware"
}

# The process still has this page: it has neither ended nor become another program.
is_there() { [ "$page" -ef /proc/self/fd/3 ]; }
is_signal() { [ "$1" -ge 1 ] && [ "$1" -le 64 ] && [ "$1" -ne 9 ] && [ "$1" -ne 19 ]; }
# Sends a signal, and lets the page say that it comes from us.
ring() {
  u32 $((signals_sent + 1)) | put 4 38
  is_there && kill -"$1" "$pid"
}
# Stopped by a signal: the third field of stat, after a name that may hold anything.
is_stopped() { fields=$(cat stat) && case "${fields##*) }" in T*) ;; *) return 1 ;; esac; }
is_paused() {
  while IFS=: read -r _ controller path; do
    case "$controller" in
    "") grep -qs '^frozen 1' "/sys/fs/cgroup$path/cgroup.events" "/sys/fs/cgroup/unified$path/cgroup.events" && return 0 ;;
    *freezer*) grep -qs '^FR[EO]' "/sys/fs/cgroup/freezer$path/freezer.state" && return 0 ;;
    esac
  done <cgroup
  return 1
}
# The id of a notice as look() reads it.
words() {
  set -- $(printf %s "$1" | dd bs=40 conv=sync 2>/dev/null | od -An -v -tu4)
  echo " $* "
}
# Whether the app named this notice last.
names() { case "$active_id" in "$1"*) ;; *) return 1 ;; esac }
# Held by a notice of this CRIU (it may run us twice, by option and by a configuration file), or of the driver that runs it.
is_held() {
  [ "$state" = 2 ] || return 1
  [ -z "${CRIU_AWARE_NOTICE-}" ] || ! names "$(words "$CRIU_AWARE_NOTICE")" || return 0
  case "$(text 2560 1024)" in '{"id":"'"$(text 72 40)"'",'*'"driver":{"pid":'"$criu",*) ;; *) return 1 ;; esac
}
# Goes to directory $1 by no symbolic link: each directory must have the one before it above it.
enter() {
  case "$1/" in
  /proc/[0-9]*/root/*) below=${1#/proc/*/root} && cd "${1%"$below"}" || return 1 ;;
  /*) below=$1 && cd / || return 1 ;;
  *) return 1 ;;
  esac
  while [ -n "$below" ]; do
    part=${below%%/*} above=$(stat -c %d:%i .)
    case "$below" in */*) below=${below#*/} ;; *) below='' ;; esac
    [ -z "$part" ] || { [ ! -L "$part" ] && cd -P "./$part" && [ "$(stat -c %d:%i ..)" = "$above" ]; } || return 1
  done
}
# The inode of a directory, and the mount that it is reached by.
place() { echo "$(stat -c %d:%i "$1") $(sed -n 's/^mnt_id:[^0-9]*//p' /proc/self/fdinfo/0 <"$1")"; }
# Leaves the notice as a marker, in a directory that belongs to the app alone.
put_marker() (
  name=${CRIU_AWARE_MARKER##*/}
  enter "${CRIU_AWARE_MARKER%/*}" || fail "the directory of $CRIU_AWARE_MARKER cannot be reached without a symbolic link"
  set -- $(stat -c '%u 0%a' .)
  is_own "$1" || fail "the directory of $CRIU_AWARE_MARKER does not belong to the user of process $pid"
  [ $(($2 & 022)) = 0 ] || fail "others may write to the directory of $CRIU_AWARE_MARKER: take that right away with chmod go-w"
  [ ! -L "$name" ] && { [ ! -e "$name" ] || [ -f "$name" ]; } || fail "$CRIU_AWARE_MARKER is no regular file"
  # The app may replace whatever we make here. So the file is written in a directory that only we can enter, and that is the one
  # above which $here still is: neither a symbolic link nor a mount. mkdir -m is not used: it may follow a link to set the mode.
  here=$(place .) && umask 077 && read -r random </proc/sys/kernel/random/uuid
  mkdir "./.criu-aware.$random" && (
    cd -P "./.criu-aware.$random" && [ "$(place ..)" = "$here" ] || exit 1
    case "$(place .) $(stat -c '%u %a' .)" in *" ${here#* } $(id -u) "*700) ;; *) exit 1 ;; esac
    umask 022 && set -C && printf '%s\n' "$notice" >./marker && mv -f -T ./marker "../$name" || { rm -f ./marker; exit 1; }
  ) && rmdir "./.criu-aware.$random" && exit
  rmdir "./.criu-aware.$random" 2>/dev/null
  fail "$CRIU_AWARE_MARKER cannot be written"
)

# Step: notifies the app, and waits until it is ready.
ask() {
  ! is_held || exit 0
  ! is_stopped || refuse "is stopped and cannot answer: kill -CONT $pid"
  ! is_paused || refuse "is paused and cannot answer"
  # Another driver's notice would be lost, and the app held for nobody.
  until { ! command -v flock >/dev/null || flock -n 3; } && look && is_free; do
    in_time || refuse "is at work for another driver"
    is_there || refuse "has ended"
    sleep 0.05
  done
  [ "$notice_signal$CRIU_AWARE_MARKER" != 0 ] || refuse "takes no notice by signal (set CRIU_AWARE_MARKER if it listens to a file)"
  [ "$notice_signal" = 0 ] || is_signal "$notice_signal" || refuse "names $notice_signal as its signal"
  [ "$notice_signal" != 0 ] || put_marker || refuse "cannot be notified"
  # Also beside a marker: in post-dump it is from here that we know our notice.
  printf '%s\000' "$notice" | put 512 5
  [ "$notice_signal" = 0 ] || ring "$notice_signal" || refuse "cannot be notified"
  # The id before the reply, and once more with it: the app takes its old reply away before it names the next notice.
  is_named=''
  until look && names "$id_words" && [ -n "$is_named" ] && [ "$reply" != 0 ]; do
    ! names "$id_words" || [ -n "$is_named" ] || { is_named=1 && continue; }
    is_there || refuse "has ended"
    in_time || refuse "did not answer within $CRIU_AWARE_TIMEOUT_MS ms"
    ! is_stopped || refuse "is stopped and cannot answer: kill -CONT $pid"
    sleep 0.01
  done
  [ "$reply" != 1 ] || exit 0
  printf '%s\n' "$(text 4096 8192)" | sed "s/^/process $pid refuses: /" | log
  exit 1
}
# Step: tells the app that no image was made. One that has not begun with our notice no longer finds it.
abort() {
  case "$(text 2560 1024)" in *"$id"*) ;; *) exit 0 ;; esac
  printf '\000' | put 512 5
  u32 0 | put 4 17
  printf '%s\000' "$id" | put 16 7
  u32 2 | put 4 17
  ! is_signal "$wake_signal" || ring "$wake_signal" 2>/dev/null || true
}
# Step: the app must be held, now that it is frozen.
held() { is_held || refuse "was no longer held when it was frozen"; }
# Runs the step for one process: with its page, if it has one. That of an agent which has detached is mapped still, but not open.
for_process() {
  open=" $(find "/proc/$1/fd" -type l 2>/dev/null | xargs stat -L -c %i 2>/dev/null | tr '\n' ' ')"
  for candidate in $pages; do
    case "$candidate" in "$1":*) ;; *) continue ;; esac
    place=${candidate#*:}
    case "$open" in *" ${place#*:} "*) ;; *) continue ;; esac
    (with_page "$1" "${place%:*}" "${place#*:}")
    case $? in 0) return ;; 1) return 1 ;; "$NOT_ATTACHED") ;; *) fail "process $1 shows a page that cannot be opened" ;; esac
  done
  return $NOT_ATTACHED
}

step=$1 criu=$2 id=$3 id_words=$(words "$3") pages=$(pages) attached=0 failed=0 workers=''
driver="\"driver\":{\"pid\":$criu,\"namespace\":\"$(readlink /proc/self/ns/pid)\"}"
now && deadline=$((time + CRIU_AWARE_TIMEOUT_MS / 10))
# Whole seconds, rounded up, where date(1) knows no fractions.
now_ms=$(date +%s%3N)
case "$now_ms" in *[!0-9]*) now_ms=$(date +%s)999 ;; esac
notice="{\"id\":\"$id\",\"deadline\":$((now_ms + CRIU_AWARE_TIMEOUT_MS)),\"leaseMs\":$CRIU_AWARE_LEASE_MS,$driver}"

# All at the same time: each is told before any is waited for.
processes=$(printf '%s\n' "$pages" | cut -d : -f 1 | uniq)
[ "$(printf '%s\n' "$processes" | wc -l)" -le 256 ] || fail "more than 256 processes of the tree show a page"
for process in $processes; do
  for_process "$process" &
  workers="$workers $!"
done
for worker in $workers; do
  wait "$worker"
  case $? in 0) attached=$((attached + 1)) ;; "$NOT_ATTACHED") ;; *) failed=1 ;; esac
done
[ "$failed" = 0 ] || exit 1
case "$step $attached ${CRIU_AWARE_UNAWARE:-0}" in
"ask 0 0") fail "no process of the tree of $CRTOOLS_INIT_PID is attached (set CRIU_AWARE_UNAWARE=1 to dump it all the same)" ;;
esac
