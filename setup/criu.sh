#!/bin/sh
# Unpacks CRIU with all that it links from Debian packages into .tools/criu; it starts through the unpacked dynamic loader.
set -eu

what=CRIU
remedy="install CRIU 4.2 or newer yourself and put it on the PATH"
suite=forky # the first Debian suite with CRIU 4.2 (a codename stays valid after its release)
prefix=$(cd "$(dirname "$0")/.." && pwd)/.tools/criu
. "$(dirname "$0")/debian.sh"

update
packages=$(apt apt-get --simulate --no-install-recommends install criu 2>>"$work/log" | sed -n 's/^Inst \([^ ]*\).*/\1/p')
[ -n "$packages" ] || { tail -n 5 "$work/log" >&2; fail "apt finds no package criu in $suite"; }
# shellcheck disable=SC2086 # a list of names
unpack $packages

mkdir "$work/bin"
cp "$(dirname "$0")/criu_start.sh" "$work/bin/criu"
chmod +x "$work/bin/criu"
rm -rf "$work/lists" "$work/cache" "$prefix"
mv "$work" "$prefix"
"$prefix/bin/criu" --version >/dev/null || fail "the unpacked CRIU does not start"
