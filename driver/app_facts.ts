import type { DumpFacts } from "../images/manifest_shape.ts";
import { DriverPage } from "../page/driver_page.ts";

/** What the manifest says of an attached process. */
export function describeApp(page: DriverPage): DumpFacts["apps"][number] {
  const { runtime: { name = "unknown", version = "" } = {}, launch } = page.document() ?? {};
  const { generation } = page.status();
  return {
    pid: page.pid,
    runtime: `${name} ${version}`.trim(),
    generation,
    ...(launch ? { launch } : {}),
  };
}

/** The same of this process, and its `envGate`. Nothing of it stays open. */
export async function describeSelf(): Promise<{ app: DumpFacts["apps"][number]; envGate: readonly string[] }> {
  using page = await DriverPage.open(process.pid);
  return { app: describeApp(page), envGate: page.document()?.envGate ?? [] };
}
