import assert from "node:assert/strict";
import { create, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { CriuError } from "../../criu/errors.ts";
import { decodeResponse } from "../../criu/rpc/response.ts";
import { RequestType, ResponseSchema } from "../../criu/rpc/rpc_pb.ts";
import { lifeIn } from "../../criu/rpc/self.ts";
import type { Border } from "./border.ts";
import { orError } from "./expect.ts";
import { damaged, wholeText } from "./inputs.ts";

const int32 = fc.integer();
const contents = fc.record(
  {
    type: fc.constantFrom(RequestType.DUMP, RequestType.RESTORE, RequestType.NOTIFY),
    success: fc.boolean(),
    dump: fc.record({ restored: fc.boolean() }),
    restore: fc.record({ pid: int32 }),
    notify: fc.record({ script: wholeText(), pid: int32 }),
    crErrno: int32,
  },
  { requiredKeys: ["type", "success"] },
);

/** What CRIU answers by its RPC. */
export const criuReplies: Border = {
  name: "criu-replies",
  runs: 3000,
  open: () =>
    fc.property(
      contents.chain((content) => {
        const good = toBinary(ResponseSchema, create(ResponseSchema, content));
        return fc.record({ content: fc.constant(content), good: fc.constant(good), bytes: damaged(fc.constant(good)) });
      }),
      fc.uint8Array({ maxLength: 100 }),
      ({ content, good, bytes }, noise) => {
        const { type, success, notify, restore } = decodeResponse(good);
        assert.deepEqual([type, success], [content.type, content.success]);
        assert.equal(notify?.script, content.notify?.script);
        assert.equal(restore?.pid, content.restore?.pid);
        const life = lifeIn(good, false);
        if (!success) assert.equal(life.outcome, "aborted");
        else assert.equal(life.outcome, content.dump?.restored ? "restored" : "continued");
        for (const found of [bytes, noise]) {
          const response = orError(() => decodeResponse(found), CriuError);
          const { outcome } = lifeIn(found, false);
          // What cannot be read says nothing: there may be an image.
          if (!response) assert.equal(outcome, "continued");
          else assert.equal(outcome === "aborted", !response.success);
        }
      },
    ),
};
