#!/bin/sh
# Unpacks strace(1) from Debian packages into .tools/strace, for the test that looks at what a driver does beside hostile processes.
set -eu

what=strace
remedy="install strace yourself; without it only that test is skipped"
suite=bookworm
prefix=$(cd "$(dirname "$0")/.." && pwd)/.tools/strace
! command -v strace >/dev/null 2>&1 || exit 0
[ ! -x "$prefix/bin/strace" ] || exit 0
. "$(dirname "$0")/debian.sh"

update
unpack strace libunwind8 liblzma5
libraries=$(cd "$work/unpacked" && find usr/lib lib -name 'libunwind-ptrace.so.*' -o -name 'libunwind.so.8' 2>/dev/null | head -n 1)
[ -n "$libraries" ] || fail "no libunwind among the packages"
mkdir "$work/bin"
cat >"$work/bin/strace" <<END
#!/bin/sh
unpacked=\$(dirname "\$0")/../unpacked
LD_LIBRARY_PATH=\$unpacked/$(dirname "$libraries") exec "\$unpacked/usr/bin/strace" -E LD_LIBRARY_PATH "\$@"
END
chmod +x "$work/bin/strace"
rm -rf "$work/lists" "$work/cache" "$prefix"
mv "$work" "$prefix"
"$prefix/bin/strace" --version >/dev/null || fail "the unpacked strace does not start"
