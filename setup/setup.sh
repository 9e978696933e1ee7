#!/bin/sh
# All that a checkout needs on a fresh machine, and nothing twice: npm packages (Bun and Deno among them), then a CRIU that works
# and a Vulkan device in software. Arguments are those of `criu-aware setup`.
set -eu
cd "$(dirname "$0")/.."

if ! cmp -s package-lock.json node_modules/.criu-aware-lock; then
  echo "setup: installing npm packages …" >&2
  if command -v npm >/dev/null 2>&1; then
    npm ci --no-audit --no-fund --loglevel=error >&2
  elif command -v bun >/dev/null 2>&1; then
    bun install --no-save >&2
  else
    echo "setup: neither npm nor bun is on the PATH; install Node.js or Bun first" >&2
    exit 1
  fi
  cp package-lock.json node_modules/.criu-aware-lock
fi

if [ "$(uname -s)" != Linux ]; then
  echo "setup: CRIU runs on Linux only; here the demo plays its checkpoints in the process (criu-aware/simulate)." >&2
  exit 0
fi
status=0
node_modules/.bin/bun cli.ts setup --gpu "$@" || status=$?
if [ $status = 1 ] && [ $# = 0 ]; then
  # Without the Vulkan device only what needs WebGPU fails, and without root the simulate engine stands in for CRIU.
  [ "$(id -u)" != 0 ] || node_modules/.bin/bun cli.ts setup --check >/dev/null 2>&1 || exit 1
  echo "setup: the rest works without it." >&2
  exit 0
fi
exit $status
