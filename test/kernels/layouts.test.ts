import { describe, expect, it } from "vitest";
import { codecs } from "../../src/core/row-layout.js";
import { STATUS } from "../../src/decode/kernel.js";
import { MAX_ROW, rejectCodes } from "../../src/decode/reject.js";
import { constantOf, offsetOf, structBytes, structOf, structsIn } from "../../src/kernels/layouts.js";
import { optimizerOf } from "../../src/optimizers/index.js";
import { ffm } from "../../src/towers/ffm.js";
import { fm } from "../../src/towers/fm.js";
import { lr } from "../../src/towers/lr.js";

describe("the layouts exported by a kernel module", () => {
  it("place fields and align them as the kernel does", () => {
    expect(structOf("scan", "CrossOp").size).toBe(24);
    expect(offsetOf("scan", "Watch", "bytes")).toBe(8);
    const bytes = structBytes("scan", "HashOp", { slot: 7, contextRow: 0, seed: 0x0102030405060708n });
    expect([...bytes]).toEqual([7, 0, 0, 0, 0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1]);
  });

  it("read consecutive structs", () => {
    const entries = [
      { key: 2n ** 63n, score: 1.5, victim: 0xffffffff },
      { key: 7n, score: -0.25, victim: 3 },
    ];
    const bytes = Buffer.concat(entries.map((entry) => structBytes("hotness", "Entry", entry)));
    expect(structsIn("hotness", "Entry", bytes, 2)).toEqual(entries);
  });

  it("are unchanged for structs in checkpoints", () => {
    const fields = (kernel: "metric" | "hotness" | "table", name: string) => Object.keys(structOf(kernel, name).fields);
    expect(fields("metric", "Row")).toEqual(["place", "negative", "positive"]);
    expect(fields("metric", "Totals").join()).toBe("rows,skipped,weight,positive,predicted,loss,factor,spare");
    expect(fields("hotness", "Counters").join()).toBe("steps,promoted,demoted,hotKeys,keys,hand,pending");
    expect([structOf("hotness", "Entry").size, constantOf("hotness", "BUCKET_BYTES")]).toEqual([16, 64]);
    expect(fields("table", "Life").slice(7, 9)).toEqual(["admitted", "refused"]);
    expect([structOf("table", "Life").size, constantOf("table", "BUCKET")]).toEqual([128, 128]);
  });

  it("reject a struct with a missing or an unknown field", () => {
    expect(() => structBytes("scan", "HashOp", { slot: 7, contextRow: 0 })).toThrow("HashOp needs a seed");
    expect(() => structBytes("scan", "HashOp", { slot: 7, contextRow: 0, sed: 1n, seed: 1n })).toThrow(
      "HashOp has no field sed",
    );
    expect(() => structBytes("scan", "Hash", {})).toThrow("no struct Hash");
    expect(() => constantOf("scan", "toString")).toThrow("no constant toString");
  });

  it("have the numbers of the host's lists, in the same order", () => {
    expect(rejectCodes.map((code) => constantOf("scan", code.toUpperCase()))).toEqual(rejectCodes.map((_, i) => i + 1));
    expect(Object.entries(STATUS).map(([name]) => constantOf("scan", name.toUpperCase()))).toEqual(
      Object.values(STATUS),
    );
    expect(constantOf("scan", "MAX_ROW")).toBe(MAX_ROW);
    expect([lr.model, fm.model, ffm.model]).toEqual(["LINEAR", "FM", "FFM"].map((name) => constantOf("table", name)));
    for (const kind of ["adagrad", "rowwise_adagrad", "adam", "sgd"] as const)
      expect(optimizerOf(kind).number({} as never), kind).toBe(constantOf("table", kind.toUpperCase()));
    for (const [codec, number] of Object.entries(codecs))
      expect(constantOf("table", codec.toUpperCase().replace(".", "_")), codec).toBe(number);
  });
});
