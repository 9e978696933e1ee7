#!/bin/sh
# Starts the unpacked CRIU through the dynamic loader beside its libraries, wherever this copy of it lies: bin/criu of the tool.
self=$0
[ ! -L "$self" ] || self=$(readlink -f "$self")
root=${self%/*}/../unpacked
for loader in "$root"/usr/lib/*-linux-gnu*/ld-linux-*.so.*; do
  exec "$loader" --library-path "${loader%/*}" "$root/usr/sbin/criu" "$@"
done
