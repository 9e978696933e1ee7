/**
 * The words at the beginning of CRIU's image files, by kind: facts of its criu/include/magic.h. Files that are not listed hold
 * nothing that this project reads, or no messages at all (pages-*.img).
 */
export const magics = {
  common: 0x54564319,
  service: 0x55105940,
  inventory: 0x58313116,
  pstree: 0x50273030,
  core: 0x55053847,
  ids: 0x54432030,
  mm: 0x57492820,
  pagemap: 0x56084025,
  fdinfo: 0x56213732,
  files: 0x56303138,
  memfd: 0x48453499,
  "remap-fpath": 0x59133954,
  "ghost-file": 0x52583605,
  stats: 0x57093306,
  timens: 0x43114433,
} as const;
