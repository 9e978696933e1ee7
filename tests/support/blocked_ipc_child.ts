/** A child with a channel to its parent. */
process.on("message", () => {});
process.send?.("ready");
