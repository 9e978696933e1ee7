import { descriptorLinks } from "../../ffi/descriptor_links.ts";

/** The descriptors of sockets that this process has opened since. */
export function socketsSince(): () => number[] {
  const before = new Set(own());
  return () => own().filter((fd) => !before.has(fd));
}

function own(): number[] {
  return descriptorLinks("self")
    .filter(({ link }) => link.startsWith("socket:"))
    .map(({ path }) => Number(path.split("/").at(-1)));
}
