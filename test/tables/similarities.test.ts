import { describe, expect, it } from "vitest";
import { batchLayout } from "../../src/core/batch.js";
import { similarities } from "../../src/tables/similarities.js";
import { StoreTable } from "../../src/tables/table.js";
import { optimizerSpecs } from "../optimizers/specs.js";
import { modelOf } from "./samples.js";

describe("similarities of a table's rows", () => {
  it.each([1, 2, 3, 4, 5])("are of its own %i weights alone, without those of neighbouring rows", (dim) => {
    const model = modelOf({ encoding: "exact", optimizer: optimizerSpecs.adagrad, singles: 1, dim });
    const { store } = new StoreTable(model, 0, batchLayout(model, 8));
    const count = 300;
    const weights = Float32Array.from({ length: count * dim }, (_, i) => Math.sin(i + 1));
    store.plant({ keys: BigUint64Array.from({ length: count }, (_, i) => BigInt(i)), weights });
    const query = Float32Array.from({ length: dim }, (_, i) => 0.5 - i);
    for (const cosine of [false, true]) {
      const found = [...similarities(store, query, cosine, { from: 0, count })];
      found.forEach((score, row) => {
        const own = weights.subarray(row * dim, (row + 1) * dim);
        const dot = own.reduce((sum, w, i) => sum + w * query[i], 0);
        expect(score).toBeCloseTo(cosine ? dot / Math.hypot(...own) : dot, 5);
      });
    }
  });
});
