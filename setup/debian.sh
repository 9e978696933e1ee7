# Runs before the script of a tool, as one program with it (unpack.ts): unpacks Debian packages, and leaves the system itself as it is.
# Own package lists, an own (empty) status file; apt verifies the signatures. $1: the directory to unpack into, which is there.
set -eu
umask 022
work=$1

fail() {
  echo "$1" >&2
  exit 1
}

for tool in apt-get dpkg; do
  command -v $tool >/dev/null 2>&1 || fail "$tool is missing"
done

# The first source of this machine that serves Debian itself: deb822 files first, then one-line files.
mirror=$(cat /etc/apt/sources.list.d/*.sources 2>/dev/null | sed -n 's/^URIs:[[:space:]]*\([^[:space:]]*\).*/\1/p' | grep -m1 '/debian/\{0,1\}$' || true)
[ -n "$mirror" ] || mirror=$(cat /etc/apt/sources.list /etc/apt/sources.list.d/*.list 2>/dev/null |
  sed -n 's/^deb[[:space:]]\+\(\[[^]]*\][[:space:]]*\)\{0,1\}\([^[:space:]]*\).*/\2/p' | grep -m1 '/debian/\{0,1\}$' || true)
[ -n "$mirror" ] || fail "no source of Debian's own packages in /etc/apt"

keyring=
for file in /usr/share/keyrings/debian-archive-keyring.gpg /usr/share/keyrings/debian-archive-keyring.pgp; do
  [ -n "$keyring" ] || [ ! -r $file ] || keyring=$file
done
[ -n "$keyring" ] || fail "the keys of Debian are missing (package debian-archive-keyring)"

# Gone when the script has done its work: what stays is unpacked.
mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial" "$work/unpacked"
: >"$work/apt/status"

# A codename stays valid after its release.
use_suite() {
  echo "deb [signed-by=$keyring] $mirror $1 main" >"$work/apt/sources.list"
  apt apt-get update >"$work/apt/log" 2>&1 || fail_by_log "apt-get cannot read the packages of Debian $1 from $mirror"
}

# A user who is not root has no other to become.
apt() {
  "$@" -q -o Dir::Etc::sourcelist="$work/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
    -o Dir::State::lists="$work/apt/lists" -o Dir::State::status="$work/apt/status" -o Dir::Cache="$work/apt/cache" \
    -o Acquire::Languages=none -o Acquire::Retries=3 -o APT::Sandbox::User=root
}

fail_by_log() {
  echo "$1:" >&2
  tail -n 5 "$work/apt/log" >&2
  exit 1
}

# Downloads the packages named and unpacks them into $work/unpacked.
unpack() {
  (cd "$work/unpacked" && apt apt-get download "$@") >>"$work/apt/log" 2>&1 || fail_by_log "the download failed"
  for deb in "$work"/unpacked/*.deb; do
    dpkg -x "$deb" "$work/unpacked" || fail "$deb cannot be unpacked"
    rm "$deb"
  done
}
