/** Squares numbers. */
declare const self: Worker;

self.onmessage = ({ data: [id, n] }: MessageEvent<[number, number]>) => self.postMessage([id, n * n]);
