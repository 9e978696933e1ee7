# PostgreSQL, Redis and NATS, for tests of programs that are connected to them: bin/ starts them. template/ is an empty database of
# PostgreSQL, to be copied: to make one takes seconds.
use_suite trixie
servers="postgresql-17 redis-server nats-server"
# shellcheck disable=SC2086 # a list of names
packages=$(apt apt-get --simulate --no-install-recommends install $servers 2>>"$work/apt/log" | sed -n 's/^Inst \([^ ]*\).*/\1/p')
[ -n "$packages" ] || fail_by_log "apt finds no packages of these servers"
# They and what they link; the rest is for the installation, or big and not needed.
# shellcheck disable=SC2046
unpack $(echo "$packages" | grep -e '^lib' -e '^postgresql-17$' -e '^redis-' -e '^nats-server$' | grep -v -e '^libllvm' -e '^libperl')
rm -rf "$work/apt"

# Each starts through the unpacked dynamic loader, under the name that it has been found by: PostgreSQL looks for its files from there.
mkdir "$work/bin"
for program in lib/postgresql/17/bin/initdb lib/postgresql/17/bin/postgres bin/redis-server sbin/nats-server; do
  start=$work/unpacked/usr/$program
  mv "$start" "$start.real"
  cat >"$start" <<'END'
#!/bin/sh
self=$(readlink -f "$0")
for loader in "${self%/usr/*}"/usr/lib/*-linux-gnu*/ld-linux-*.so.*; do
  exec "$loader" --library-path "${loader%/*}" --argv0 "$self" "$self.real" "$@"
done
END
  chmod 755 "$start"
  ln -s "../unpacked/usr/$program" "$work/bin/${program##*/}"
done

# PostgreSQL refuses to be root.
chmod 755 "$work"
mkdir -m 700 "$work/template"
as=
if [ "$(id -u)" = 0 ]; then
  chown 65534:65534 "$work/template"
  as="setpriv --reuid=65534 --regid=65534 --clear-groups"
fi
cd /
$as "$work/bin/initdb" --pgdata="$work/template" --username=postgres --auth=trust --encoding=UTF8 --no-locale \
  --wal-segsize=1 --no-sync --no-instructions >"$work/log" 2>&1 || fail "$(cat "$work/log")"
