/** The thread that has the device: answers the requests of `remote.ts`, and ends with all that the driver made in it. */
import { readProcLink } from "#proc";
import { openLibc } from "../../ffi/libc.ts";
import { DeviceError } from "../device/device_error.ts";
import { type LocalBuffer, type LocalDevice, openLocal } from "./local.ts";
import type { Answer, Failure, Request, Span } from "./messages.ts";

interface Port {
  postMessage(answer: Answer): void;
  onmessage: ((event: { readonly data: Request & { readonly id: number } }) => void) | null;
}

const port = globalThis as unknown as Port;
const buffers = new Map<number, LocalBuffer>();
let device: LocalDevice | undefined;

port.onmessage = async ({ data: { id, ...request } }) => {
  try {
    port.postMessage({ id, value: await answer(request as Request) });
  } catch (error) {
    port.postMessage({ id, error: failure(error as Error) });
  }
};

async function answer(request: Request): Promise<unknown> {
  // The kernel's id of this thread.
  if (request.op === "thread") return Number(readProcLink("/proc/thread-self").split("/").at(-1));
  if (request.op === "open") return await open(request);
  if (!device) throw new DeviceError("failed", "Cannot use the WebGPU device: its worker has not opened it.");
  switch (request.op) {
    case "allocate":
      buffers.set(request.buffer, await device.allocate(request.dtype, request.shape));
      return;
    case "upload":
      return await device.upload(bufferOf(request.buffer), (await view(request.span)) as never);
    case "download":
      return await device.download(bufferOf(request.buffer), (await view(request.span)) as never);
    case "release":
      device.release(bufferOf(request.buffer));
      buffers.delete(request.buffer);
      return;
    case "fence":
      return await device.fence();
    case "bind":
      return await device.bind(new Map([...request.buffers].map(([name, buffer]) => [name, bufferOf(buffer)])));
    case "call":
      return await (device.call as (name: string, ...args: readonly unknown[]) => Promise<unknown>)(
        request.name,
        ...request.args,
      );
    case "close":
      return await device.suspend();
  }
}

async function open({ needs, program }: Request & { op: "open" }): Promise<string> {
  const onLost = (why: DeviceError): void => port.postMessage({ error: failure(why) });
  device = await openLocal({ ...needs, program, thread: "main thread", onLost });
  return device.adapter;
}

function bufferOf(buffer: number): LocalBuffer {
  const found = buffers.get(buffer);
  if (found) return found;
  throw new RangeError("Cannot use a buffer that was released.");
}

async function view({ address, bytes }: Span): Promise<Uint8Array> {
  const { runtime } = await openLibc();
  return new Uint8Array(runtime.view(address, bytes));
}

function failure({ name, message, stack, ...rest }: Error & { readonly code?: Failure["code"] }): Failure {
  return { name, message, stack, code: name === "DeviceError" ? rest.code : undefined };
}
