#!/bin/sh
# Unpacks CRIU with all that it links from Debian packages into .tools/criu. The system itself is left as it is:
# own package lists, own (empty) status file, dpkg -x, and a start through the unpacked dynamic loader.
# apt verifies the signatures; the mirror is the one in this machine's apt sources.
set -eu

suite=forky # the first Debian suite with CRIU 4.2 (a codename stays valid after its release)
prefix=$(cd "$(dirname "$0")/.." && pwd)/.tools/criu

fail() {
  echo "setup: cannot install CRIU: $1" >&2
  echo "setup: install CRIU 4.2 or newer yourself and put it on the PATH" >&2
  exit 1
}

[ "$(uname -s)" = Linux ] || fail "CRIU runs on Linux only"
for tool in apt-get dpkg; do
  command -v $tool >/dev/null 2>&1 || fail "$tool is missing, so this is no Debian-like system"
done

keyring=/usr/share/keyrings/debian-archive-keyring.gpg
[ -r $keyring ] || fail "$keyring is missing (package debian-archive-keyring)"

# The first source that serves Debian itself: deb822 files first, then one-line files.
mirror=$(cat /etc/apt/sources.list.d/*.sources 2>/dev/null | sed -n 's/^URIs:[[:space:]]*\([^[:space:]]*\).*/\1/p' | grep -m1 '/debian/\{0,1\}$' || true)
[ -n "$mirror" ] || mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
  sed -n 's/^deb[[:space:]]\+\(\[[^]]*\][[:space:]]*\)\{0,1\}\([^[:space:]]*\).*/\2/p' | grep -m1 '/debian/\{0,1\}$' || true)
[ -n "$mirror" ] || fail "no Debian mirror in /etc/apt"

work=$prefix.new
rm -rf "$work"
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/unpacked"
: >"$work/status"
echo "deb [signed-by=$keyring] $mirror $suite main" >"$work/sources.list"

apt() {
  "$@" -q -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State::lists="$work/lists" -o Dir::State::status="$work/status" -o Dir::Cache="$work/cache" \
    -o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Sandbox::User=root
}
apt apt-get update >"$work/log" 2>&1 || { tail -n 5 "$work/log" >&2; fail "apt-get update of $suite failed"; }
packages=$(apt apt-get --simulate --no-install-recommends install criu 2>>"$work/log" | sed -n 's/^Inst \([^ ]*\).*/\1/p')
[ -n "$packages" ] || { tail -n 5 "$work/log" >&2; fail "apt finds no package criu in $suite"; }
# shellcheck disable=SC2086 # a list of names
(cd "$work/unpacked" && apt apt-get download $packages) >>"$work/log" 2>&1 ||
  { tail -n 5 "$work/log" >&2; fail "the download failed"; }
for deb in "$work"/unpacked/*.deb; do
  dpkg -x "$deb" "$work/unpacked" || fail "$deb cannot be unpacked"
  rm "$deb"
done

loader=$(cd "$work/unpacked" && find usr/lib* lib* -name 'ld-linux-*.so.*' 2>/dev/null | head -n 1)
[ -n "$loader" ] || fail "no dynamic loader among the packages"
libraries=$prefix/unpacked/usr/lib/$(cd "$work/unpacked/usr/lib" && ls -d *-linux-gnu* | head -n 1)
mkdir "$work/bin"
cat >"$work/bin/criu" <<END
#!/bin/sh
exec "$prefix/unpacked/$loader" --library-path "$libraries" "$prefix/unpacked/usr/sbin/criu" "\$@"
END
chmod +x "$work/bin/criu"
rm -rf "$work/lists" "$work/cache" "$prefix"
mv "$work" "$prefix"
"$prefix/bin/criu" --version >/dev/null || fail "the unpacked CRIU does not start"
