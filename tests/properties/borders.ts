/** All of them, in the order of the design: what an app and a driver say to each other, CRIU, files, the kernel, users. */
import type { Border } from "./border.ts";
import { criuReplies } from "./criu_replies.ts";
import { document } from "./document.ts";
import { envFile, launchFlags } from "./env_file.ts";
import { hookLines } from "./hook_lines.ts";
import { buildId, images } from "./images.ts";
import { launch } from "./launch.ts";
import { lifecycle } from "./lifecycle.ts";
import { logs } from "./logs.ts";
import { manifest } from "./manifest.ts";
import { marker } from "./marker.ts";
import { notice } from "./notice.ts";
import { page } from "./page.ts";
import { printed } from "./printed.ts";
import { procTexts, unixSockets } from "./proc_texts.ts";
import { rpcConnection } from "./rpc_connection.ts";
import { rpcClient, rpcServer } from "./rpc_lines.ts";
import { listenAt } from "./rules.ts";
import { safetensors, segment } from "./safetensors.ts";
import { settings, startMark } from "./start_mark.ts";

export const borders: readonly Border[] = [
  ...[lifecycle, page, document, notice, launch, marker, rpcServer, rpcClient, rpcConnection],
  ...[criuReplies, hookLines, logs, images, buildId, manifest, startMark, settings, safetensors, segment],
  ...[procTexts, unixSockets, envFile, launchFlags, listenAt, printed],
];
