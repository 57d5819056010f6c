import { expect, it } from "vitest";
import { loadSpec } from "../../../src/spec/parse.js";
import { ClickReader } from "../../../src/train/join/click-reader.js";
import type { ClickRun, ClickSource } from "../../../src/train/join/click-stream.js";
import type { RejectedRow } from "../../../src/train/rejects/rejects.js";

it("more rejected clicks than a call takes arguments are reported, without a stack overflow", async () => {
  const [RUNS, EACH] = [30, 10_000];
  const rejects = Array.from({ length: EACH }, () => ({ code: "bad_time" }) as unknown as RejectedRow);
  const run: ClickRun = { place: "0", rows: 0, ids: new Uint32Array(), times: new Float64Array(), rejects };
  let left = RUNS;
  const source: ClickSource = {
    streams: 1,
    fingerprints: ["clicks"],
    close: async () => {},
    open: async () => ({ start: null, next: async () => (left-- > 0 ? run : "end") }),
  };
  const reader = await ClickReader.open(loadSpec("features/ads-demo-join.yaml").join!, source, null);
  await reader.readUntil(0, 0);
  expect(reader.takeNews().rejects).toHaveLength(RUNS * EACH);
});
