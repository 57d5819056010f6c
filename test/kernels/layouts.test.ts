import { describe, expect, it } from "vitest";
import { codecs } from "../../src/core/row-layout.js";
import { STATUS } from "../../src/decode/kernel.js";
import { MAX_ROW, rejectCodes } from "../../src/decode/reject.js";
import { constantOf, offsetOf, structBytes, structOf } from "../../src/kernels/layouts.js";
import { optimizerOf } from "../../src/optimizers/index.js";
import { ffm } from "../../src/towers/ffm.js";
import { fm } from "../../src/towers/fm.js";
import { lr } from "../../src/towers/lr.js";

describe("the layouts a kernel module carries", () => {
  it("place fields and align them as the kernel does", () => {
    expect(structOf("scan", "CrossOp").size).toBe(24);
    expect(offsetOf("scan", "Watch", "bytes")).toBe(8);
    const bytes = structBytes("scan", "HashOp", { slot: 7, seed: 0x0102030405060708n });
    expect([...bytes]).toEqual([7, 0, 0, 0, 0, 0, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1]);
  });

  it("refuse a struct with a field too few, and one with a field the kernel does not have", () => {
    expect(() => structBytes("scan", "HashOp", { slot: 7 })).toThrow("HashOp needs a seed");
    expect(() => structBytes("scan", "HashOp", { slot: 7, sed: 1n, seed: 1n })).toThrow("HashOp has no field sed");
    expect(() => structBytes("scan", "Hash", {})).toThrow("no struct Hash");
    expect(() => constantOf("scan", "toString")).toThrow("no constant toString");
  });

  it("have the numbers that the host lists in the same order", () => {
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
