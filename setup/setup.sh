#!/bin/sh
# All that a fresh machine needs, and nothing twice: npm packages (Bun and Deno among them), then a CRIU that works and,
# meanwhile, a Vulkan device in software.
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
node_modules/.bin/bun setup/gpu.ts &
gpu=$!
status=0
node_modules/.bin/bun setup/criu.ts || status=$?
wait $gpu || status=$?
exit $status
