# Sourced by the scripts that unpack Debian packages: the system itself is left as it is. Own package lists, own (empty)
# status file, apt verifies the signatures, and the mirror is the one in this machine's apt sources.
# Before: `what` (for messages), `remedy` (what the user can do instead), `suite`, `prefix`. After: $work, made anew.

fail() {
  echo "setup: cannot install $what: $1" >&2
  echo "setup: $remedy" >&2
  exit 1
}

[ "$(uname -s)" = Linux ] || fail "it is for Linux only"
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

update() {
  apt apt-get update >"$work/log" 2>&1 || { tail -n 5 "$work/log" >&2; fail "apt-get update of $suite failed"; }
}

# Downloads the packages named and unpacks them into $work/unpacked.
unpack() {
  (cd "$work/unpacked" && apt apt-get download "$@") >>"$work/log" 2>&1 ||
    { tail -n 5 "$work/log" >&2; fail "the download failed"; }
  for deb in "$work"/unpacked/*.deb; do
    dpkg -x "$deb" "$work/unpacked" || fail "$deb cannot be unpacked"
    rm "$deb"
  done
}
