#!/usr/bin/env bun
/**
 * The `criu-aware` command: `bunx criu-aware --help`, or `deno run -A jsr:@criu-aware/criu-aware/cli --help`.
 *
 * In Deno it needs `--allow-all`: it runs CRIU, and Deno opens /proc to nobody else.
 *
 * @module
 */
import { main } from "./cli/main.ts";

process.exitCode = await main(process.argv.slice(2));
