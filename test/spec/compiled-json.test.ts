import { expect, test } from "vitest";
import { HashbrookError } from "../../src/core/errors.js";
import { canonicalJson } from "../../src/core/hash.js";
import { compiledFromJson } from "../../src/spec/compile.js";
import { parseSpec } from "../../src/spec/parse.js";
import fc from "../properties.js";

const good = canonicalJson(
  parseSpec(
    `name: t
events: { format: tsv, columns: [label, a, b, x, tags, vec] }
fields:
  - { name: a, type: categorical, table: ids }
  - { name: b, type: numeric, transform: { buckets: [0, 1] }, table: ids }
  - { name: x, type: numeric }
  - { name: tags, type: bag, table: ids }
  - { name: a_x_b, type: cross, of: [a, b] }
  - { name: vec, type: vector, length: 4 }
tables: { ids: {} }
tower: deep_crossing
wide: { fields: [a_x_b, x] }
`,
    "f.yaml",
  ),
);

function errorOf(json: string): HashbrookError {
  try {
    compiledFromJson(json);
  } catch (error) {
    if (error instanceof HashbrookError) return error;
    throw error;
  }
  throw new Error("no error");
}

test.each([
  ["", "", "not JSON"],
  ['{"batch":512', '{"batch":0', "/batch must be >= 1"],
  ['"batch":512,', "", "must have required properties batch"],
  ['"name":"t"', '"name":"t","__proto__":{}', ""],
  ['"name":"t"', '"name":"t","more":1', "/more is unknown"],
  ['"transform":"raw"', '"transform":"exp"', "/fields/2"],
  ['"rows":1024', '"rows":1e99', "/tables/0/rows"],
  ['"boundaries":[0,1]', '"boundaries":[1,0]', "field b has boundaries out of order"],
  ['"of":["a","b"]', '"of":["a","x"]', "field a_x_b crosses x, which cannot be crossed"],
  ['"of":["a","b"]', '"of":["a","nobody"]', "field a_x_b crosses nobody"],
  ['"take":4', '"take":5', "field vec takes more numbers than it has"],
  ['"numbers":["x"]', '"numbers":[]', "/numbers are not the numeric fields"],
  ['"name":"x"', '"name":"a"', "two fields have the same name"],
  ['"name":"ids"', '"name":"wide"', "two tables have the same name"],
  ['"seed":42', '"seed":43', "table ids has seeds that do not match its names"],
  ['"field":"tags","kind":"bag"', '"field":"tags","kind":"single"', "table ids has a single cell for tags"],
  ['"field":"a_x_b","kind":"single"', '"field":"a_x_b","kind":"number"', "table wide has a number cell for a_x_b"],
  ['"field":"tags","kind"', '"field":"tags","items":49,"kind"', "table ids has 49 item vectors of tags"],
  ['"field":"a","kind"', '"field":"a","items":2,"kind"', "table ids has 2 item vectors of a"],
  ['"role":"wide"', '"role":"embedding"', "deep_crossing has a bias or number cell in an embedding table"],
  ['"kind":"deep_crossing"', '"kind":"lr"', "lr has no bias"],
])("%s → %s is reported as damage", (from, to, what) => {
  expect(good).toContain(from);
  const error = errorOf(from === "" ? "{" : good.replace(from, to));
  expect(error.code).toBe("checkpoint_damaged");
  expect(error.message).toContain("compiled spec: ");
  expect(error.message).toContain(what);
  expect(error.hint).toContain("use another checkpoint");
});

test.each([
  ['"kind":"deep_crossing"', '"kind":"dien"'],
  ['"encoding":"exact"', '"encoding":"tt_rec"'],
  ['"transform":"raw"', '"clip":3,"transform":"raw"'],
])("a spec of a newer version (%s → %s) is not said to be a foreign file", (from, to) => {
  expect(good).toContain(from);
  expect(errorOf(good.replace(from, to)).hint).toMatch(/^a newer version of Hashbrook may have written it/);
});

test("any bytes give a HashbrookError", () => {
  fc.assert(
    fc.property(fc.nat(good.length - 1), fc.string({ minLength: 0, maxLength: 3 }), fc.nat(5), (at, text, dropped) => {
      const json = good.slice(0, at) + text + good.slice(at + dropped);
      try {
        expect(canonicalJson(compiledFromJson(json))).toBeTypeOf("string");
      } catch (error) {
        expect(error).toBeInstanceOf(HashbrookError);
        expect((error as HashbrookError).code).toBe("checkpoint_damaged");
      }
    }),
    { numRuns: 500 },
  );
});

test.each(["null", "[]", "5", '"x"', "{}"])("%s is not a compiled spec", (json) => {
  expect(errorOf(json).code).toBe("checkpoint_damaged");
});
