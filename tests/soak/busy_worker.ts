/** What a worker is asked: where to count, or a number to square. */
export type Question = SharedArrayBuffer | number;
/** The number, its square, and an id that the worker has drawn. */
export type Answer = readonly [n: number, square: number, id: string];

/** What a worker does, whatever kind it is of: returns what takes its questions. */
export function busy(send: (answer: Answer) => void): (question: Question) => void {
  return (question) => {
    if (typeof question === "number") return send([question, question * question, crypto.randomUUID()]);
    const beats = new Int32Array(question);
    setInterval(() => Atomics.add(beats, 0, 1), 1);
  };
}
