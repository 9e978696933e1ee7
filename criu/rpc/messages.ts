/**
 * What of CRIU's RPC this project speaks. The numbers, rules and types are facts of CRIU's images/rpc.proto (4.2); fields that CRIU calls
 * deprecated are left out.
 */
import type { Content, Message } from "../../protobuf/fields.ts";

/** What CRIU is asked, and what it answers (`criu_req_type`). */
export const requestTypes = {
  dump: 1,
  restore: 2,
  check: 3,
  preDump: 4,
  notify: 6,
  cpuinfoDump: 7,
  cpuinfoCheck: 8,
  featureCheck: 9,
  version: 10,
} as const;

export const requestFields = {
  type: [1, "required", "int32"],
  opts: [
    2,
    "optional",
    {
      imagesDirFd: [1, "required", "int32"],
      pid: [2, "optional", "int32"],
      leaveRunning: [3, "optional", "bool"],
      extUnixSk: [4, "optional", "bool"],
      tcpEstablished: [5, "optional", "bool"],
      evasiveDevices: [6, "optional", "bool"],
      shellJob: [7, "optional", "bool"],
      fileLocks: [8, "optional", "bool"],
      logLevel: [9, "optional", "int32"],
      logFile: [10, "optional", "string"],
      ps: [
        11,
        "optional",
        {
          address: [1, "optional", "string"],
          port: [2, "optional", "int32"],
        },
      ],
      notifyScripts: [12, "optional", "bool"],
      root: [13, "optional", "string"],
      parentImg: [14, "optional", "string"],
      trackMem: [15, "optional", "bool"],
      autoDedup: [16, "optional", "bool"],
      workDirFd: [17, "optional", "int32"],
      linkRemap: [18, "optional", "bool"],
      cpuCap: [20, "optional", "uint32"],
      forceIrmap: [21, "optional", "bool"],
      execCmd: [22, "repeated", "string"],
      cgRoot: [
        25,
        "repeated",
        {
          ctrl: [1, "optional", "string"],
          path: [2, "required", "string"],
        },
      ],
      rstSibling: [26, "optional", "bool"],
      inheritFd: [
        27,
        "repeated",
        {
          key: [1, "required", "string"],
          fd: [2, "required", "int32"],
        },
      ],
      extSharing: [29, "optional", "bool"],
      extMasters: [30, "optional", "bool"],
      skipMnt: [31, "repeated", "string"],
      enableFs: [32, "repeated", "string"],
      // An index into ignore, none, props, soft, full, strict.
      manageCgroupsMode: [34, "optional", "int32"],
      ghostLimit: [35, "optional", "uint32"],
      irmapScanPaths: [36, "repeated", "string"],
      external: [37, "repeated", "string"],
      emptyNs: [38, "optional", "uint32"],
      joinNs: [
        39,
        "repeated",
        {
          ns: [1, "required", "string"],
          nsFile: [2, "required", "string"],
          extraOpt: [3, "optional", "string"],
        },
      ],
      cgroupProps: [41, "optional", "string"],
      cgroupPropsFile: [42, "optional", "string"],
      cgroupDumpController: [43, "repeated", "string"],
      freezeCgroup: [44, "optional", "string"],
      timeout: [45, "optional", "uint32"],
      tcpSkipInFlight: [46, "optional", "bool"],
      weakSysctls: [47, "optional", "bool"],
      lazyPages: [48, "optional", "bool"],
      orphanPtsMaster: [50, "optional", "bool"],
      configFile: [51, "optional", "string"],
      tcpClose: [52, "optional", "bool"],
      lsmProfile: [53, "optional", "string"],
      tlsCacert: [54, "optional", "string"],
      tlsCacrl: [55, "optional", "string"],
      tlsCert: [56, "optional", "string"],
      tlsKey: [57, "optional", "string"],
      tls: [58, "optional", "bool"],
      tlsNoCnVerify: [59, "optional", "bool"],
      cgroupYard: [60, "optional", "string"],
      // 1 splice, 2 read
      preDumpMode: [61, "optional", "int32"],
      lsmMountContext: [63, "optional", "string"],
      // 1 iptables, 2 nftables, 3 skip
      networkLock: [64, "optional", "int32"],
      mntnsCompatMode: [65, "optional", "bool"],
      skipFileRwxCheck: [66, "optional", "bool"],
      unprivileged: [67, "optional", "bool"],
      // Used when imagesDirFd is -1.
      imagesDir: [68, "optional", "string"],
      leaveStopped: [69, "optional", "bool"],
      displayStats: [70, "optional", "bool"],
      logToStderr: [71, "optional", "bool"],
    },
  ],
  notifySuccess: [3, "optional", "bool"],
  keepOpen: [4, "optional", "bool"],
  features: [
    5,
    "optional",
    {
      memTrack: [1, "optional", "bool"],
      lazyPages: [2, "optional", "bool"],
      pidfdStore: [3, "optional", "bool"],
    },
  ],
} as const;

export const responseFields = {
  type: [1, "required", "int32"],
  success: [2, "required", "bool"],
  dump: [
    3,
    "optional",
    {
      restored: [1, "optional", "bool"],
    },
  ],
  restore: [
    4,
    "optional",
    {
      pid: [1, "required", "int32"],
    },
  ],
  notify: [
    5,
    "optional",
    {
      script: [1, "optional", "string"],
      pid: [2, "optional", "int32"],
    },
  ],
  crErrno: [7, "optional", "int32"],
  features: [
    8,
    "optional",
    {
      memTrack: [1, "optional", "bool"],
      lazyPages: [2, "optional", "bool"],
      pidfdStore: [3, "optional", "bool"],
    },
  ],
  crErrmsg: [9, "optional", "string"],
  version: [
    10,
    "optional",
    {
      majorNumber: [1, "required", "int32"],
      minorNumber: [2, "required", "int32"],
      gitid: [3, "optional", "string"],
      sublevel: [4, "optional", "int32"],
    },
  ],
} as const;

export type Request = Content<typeof requestFields>;
export type Response = Message<typeof responseFields>;
export type RpcOptions = NonNullable<Request["opts"]>;
