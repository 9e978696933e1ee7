# strace(1), for the test that looks at what a driver does beside hostile processes.
use_suite bookworm
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
rm -rf "$work/apt"
"$work/bin/strace" --version >/dev/null || fail "the unpacked strace does not start"
