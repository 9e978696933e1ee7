/** What CRIU says after an error that it has told already, or before one that says more: of no use to anybody who looks for the cause. */
const consequences: readonly RegExp[] = [
  /^(?:Pre-dumping|Dumping|Restoring) FAILED/,
  /^cg: cgroupd: recv req error/,
  /^Unable to open fd=\d+ id=/,
  /^`- Can't open vma/,
  /^Can't open (?:cwd|root)$/,
  /^Can't open core data for \d+/,
  /^execvp\(/,
  /^(?:\d+ )?(?:exited, status=|stopped by signal)/,
  /^Can't wait or bad status/,
  /failed when initializing kerndat/,
  /^Can't dump page with parasite/,
  /^bfd: Error flushing image/,
  /^Couldn't unlink remap /,
  /^Dump (?:files|mappings|core|creds|fs|ids|itimers|sigacts) \(pid: \d+\) failed with/,
  /^BUG at criu\/pie\//,
];

/** The lines that name causes, each once; all of them when there is none that does. */
export function causesIn(lines: readonly string[]): string[] {
  const different = [...new Set(lines)];
  const causes = different.filter((line) => !consequences.some((pattern) => pattern.test(line)));
  return causes.length > 0 ? causes : different;
}
