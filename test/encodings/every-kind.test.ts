import { describe, expect, it } from "vitest";
import { canonicalJson } from "../../src/core/hash.js";
import {
  type EncodingKind,
  encodingBytes,
  encodingKinds,
  insideOf,
  kindOf,
  kindsThat,
  plainKinds,
} from "../../src/encodings/index.js";
import type { CompiledSpec, EncodingSpec, OptimizerSpec } from "../../src/spec/compiled.js";
import { compiledFromJson } from "../../src/spec/compiled-json.js";
import { parseSpec } from "../../src/spec/parse.js";
import { distil, openDistilled } from "../../src/warm-start/distil.js";
import { encodingContract, encodingOf, vectorsOf } from "./encoding.contract.js";

/** A model with one table of this kind, with only a size given. */
function modelOf(kind: string, seed = 42, more = "", inside?: EncodingKind): CompiledSpec {
  const { inner } = kindOf(kind);
  const rows = inside && kindOf(inside).rows === "none" ? "" : ", rows: 40";
  const nested = inner && `{ encoding: ${inside ?? inner.encoding}${rows} }`;
  const own = nested ? `, ${kind}: { ${inner.option}: ${nested} }` : "";
  const text = `name: m
events: { format: tsv, columns: [label, id] }
fields: [{ name: id, type: categorical, table: ids }]
tables: { ids: { encoding: ${kind}, rows: 50, dim: 8, init: 0.1${own}${more} } }
tower: deep_crossing
train: { seed: ${seed} }
`;
  return parseSpec(text, `${kind}.yaml`);
}

const RATE = 1e-3;
/** Number of keys in the contract's step, by which gradients of dense weights are divided. */
const KEYS = 48;

/** The same with plain gradient steps: of its rows, and of the dense weights that its own options name an optimizer for. */
function plain(spec: EncodingSpec): EncodingSpec {
  const sgd = (learning_rate: number): OptimizerSpec => ({ kind: "sgd", learning_rate });
  const own = (spec as unknown as Record<string, object | undefined>)[spec.encoding];
  if (!own) return { ...spec, optimizer: sgd(RATE) };
  const stepped = Object.entries(own).map(([key, value]) => {
    if (key === "optimizer") return [key, sgd(KEYS * RATE)];
    return [key, key === kindOf(spec.encoding).inner?.option ? plain(value) : value];
  });
  return { ...spec, optimizer: sgd(RATE), [spec.encoding]: Object.fromEntries(stepped) };
}

/** The contract, and the bytes of which budgets are made. */
function keepsContract(kind: EncodingKind, spec: EncodingSpec, unpacked = spec): void {
  // Dense weights step by the mean over the keys that reach them, which are not all of the contract's inside another encoding.
  const inside = insideOf(spec);
  const partly = inside !== undefined && kindOf(inside.encoding).decodes;
  encodingContract(kind, spec, partly ? null : { spec: plain(unpacked), rate: RATE });

  it("takes the bytes that its spec computes", async () => {
    const encoding = await encodingOf(spec);
    const expected = encodingBytes(spec);
    const grows = [spec, insideOf(spec)].some((one) => one && kindOf(one.encoding).rows === "growing");
    if (grows) expect(encoding.bytes).toBeLessThanOrEqual(1.01 * expected + 1024);
    else expect(Math.abs(encoding.bytes - expected)).toBeLessThan(0.01 * expected + 1024);
    await encoding.close();
  });
}

describe.each(encodingKinds)("%s with default options", (kind) => {
  const model = modelOf(kind);
  const [spec] = model.tables;
  keepsContract(kind, spec);

  it("round-trips through its compiled form", () => {
    const json = canonicalJson(model);
    expect(canonicalJson(compiledFromJson(json))).toBe(json);
  });

  it("can be initialised with given vectors", async () => {
    const keys = BigUint64Array.from({ length: 30 }, (_, i) => BigInt(i * 7 + 1));
    const vectors = Float32Array.from({ length: keys.length * spec.dim }, (_, i) => Math.fround(Math.sin(i)));
    const encoding = await openDistilled(spec, "onnxruntime");
    const error = await distil(encoding, spec, { keys, vectors }, { passes: 30, seed: 1, runtime: "onnxruntime" });
    expect(error).toBeLessThan(0.9);
    await encoding.close();
  });

  it("gives the same vectors for the same spec and seed, different ones for another seed", async () => {
    const specs = [spec, spec, modelOf(kind, 43).tables[0]];
    const [first, second, other] = await Promise.all(specs.map((some) => encodingOf(some)));
    const asked = [1n, 2n, 2n ** 63n];
    const given = [...(await vectorsOf(first, asked))];
    expect([...(await vectorsOf(second, asked))]).toEqual(given);
    expect([...(await vectorsOf(other, asked))]).not.toEqual(given);
    await Promise.all([first.close(), second.close(), other.close()]);
  });
});

describe.each(kindsThat(({ rows }) => rows !== "none"))("%s with rows of low precision", (kind) => {
  const packed = modelOf(kind, 42, ", precision: int8, optimizer: rowwise_adagrad").tables[0];
  keepsContract(kind, packed, modelOf(kind).tables[0]);
});

const nestings = kindsThat(({ inner }) => inner).flatMap((kind) => plainKinds.map((inside) => [kind, inside] as const));

describe.each(nestings)("%s around %s", (kind, inside) => {
  keepsContract(kind, modelOf(kind, 42, "", inside).tables[0]);
});
