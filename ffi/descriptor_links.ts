import { listProc, readProcLink } from "#proc";

/** A descriptor of a process, by its path in /proc, and where it leads, as the kernel writes it: any file may be called so. */
export interface DescriptorLink {
  readonly path: string;
  readonly link: string;
}

/** The descriptors of a process; none when it has ended, or may not be looked at. */
export function descriptorLinks(pid: number | "self"): DescriptorLink[] {
  let names: string[];
  try {
    names = listProc(`/proc/${pid}/fd`);
  } catch {
    return [];
  }
  return names.flatMap((name) => {
    const path = `/proc/${pid}/fd/${name}`;
    try {
      return [{ path, link: readProcLink(path) }];
    } catch {
      // It was closed meanwhile.
      return [];
    }
  });
}
