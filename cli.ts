#!/usr/bin/env bun
/** The `criu-aware` command: `bunx criu-aware --help`, or `deno run -A cli.ts --help` in a checkout. */
import { main } from "./cli/main.ts";

process.exitCode = await main(process.argv.slice(2));
