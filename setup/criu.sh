# CRIU with all that it links. It starts through the unpacked dynamic loader: criu_start.sh.
use_suite forky # the first Debian suite with CRIU 4.2
packages=$(apt apt-get --simulate --no-install-recommends install criu 2>>"$work/apt/log" | sed -n 's/^Inst \([^ ]*\).*/\1/p')
[ -n "$packages" ] || fail_by_log "apt finds no package criu"
# shellcheck disable=SC2086 # a list of names
unpack $packages
rm -rf "$work/apt"
