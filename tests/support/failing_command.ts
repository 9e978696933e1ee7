/** Fails as a subcommand does, with what each expression gives, and prints the exit code. Arguments: JSON EXPRESSION… */
import { fail, print } from "../../cli/report.ts";
import { UsageError } from "../../criu/usage_error.ts";
import { DumpRefusedError } from "../../driver/engine.ts";

const [json, ...expressions] = process.argv.slice(2);
for (const expression of expressions) {
  const thrown = new Function("UsageError", "DumpRefusedError", `return ${expression}`)(UsageError, DumpRefusedError);
  print(String(fail("criu-aware test", thrown, json === "true")));
}
