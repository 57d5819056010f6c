import { describe, expect, it } from "vitest";
import { checksumOf } from "../../src/checkpoints/checksum.js";
import { decodeManifest, encodeManifest, type Manifest } from "../../src/checkpoints/manifest.js";
import { canonicalJson } from "../../src/core/hash.js";
import fc from "../properties.js";
import { errorOf } from "./samples.js";

const manifest: Manifest = {
  examples: 12,
  spec_hash: "00000000deadbeef",
  meta: { seed: 42, fields: ["I1", "C1"] },
  files: [
    { name: "a.safetensors", bytes: 9, xxh64: "0", blocks: [{ name: "a", dtype: "U8", shape: [1], chunks: ["1"] }] },
  ],
};

const text = (data: Uint8Array) => new TextDecoder().decode(data);

/** A manifest with any body and a matching checksum. */
function sealed(body: unknown): Uint8Array {
  const json = typeof body === "string" ? body : JSON.stringify(body);
  return Buffer.from(`{"checksum":"${checksumOf(Buffer.from(json))}",${json.slice(1)}`);
}

describe("encodeManifest", () => {
  it("is one line of canonical JSON", () => {
    expect(text(encodeManifest(manifest))).toMatch(
      /^\{"checksum":"[0-9a-f]{16}","examples":12,"files":\[.*\],"format":"hashbrook-checkpoint","meta":\{"fields":\["I1","C1"\],"seed":42\},"spec_hash":"00000000deadbeef","version":1\}\n$/,
    );
  });

  it("survives a round trip", () => {
    expect(decodeManifest(encodeManifest(manifest), "m")).toMatchObject(manifest);
  });
});

describe("decodeManifest", () => {
  const good = { examples: 1, files: [], format: "hashbrook-checkpoint", meta: {}, spec_hash: null, version: 1 };
  const file = { name: "a.safetensors", bytes: 9, xxh64: "0", blocks: [] };

  it("accepts the checksum of its own text", () => {
    expect(decodeManifest(sealed(good), "m").examples).toBe(1);
  });

  it.each<[string, unknown]>([
    ["not JSON", '{"a":}'],
    ["another format", { ...good, format: "elsewhere" }],
    ["no examples", { ...good, examples: undefined }],
    ["examples as text", { ...good, examples: "1" }],
    ["meta a list", { ...good, meta: [] }],
    ["files missing", { ...good, files: undefined }],
    ["a path out of the directory", { ...good, files: [{ ...file, name: "../a.safetensors" }] }],
    ["another kind of file", { ...good, files: [{ ...file, name: "writer.lock" }] }],
    [
      "an unknown dtype",
      { ...good, files: [{ ...file, blocks: [{ name: "a", dtype: "F8", shape: [], chunks: [] }] }] },
    ],
    [
      "a negative size",
      { ...good, files: [{ ...file, blocks: [{ name: "a", dtype: "U8", shape: [-1], chunks: [] }] }] },
    ],
  ])("refuses %s, even with a matching checksum", (_, body) => {
    const error = errorOf(() => decodeManifest(sealed(body), "dir/manifest.json"));
    expect(error.code).toBe("checkpoint_damaged");
    expect(error.message).toMatch(/^dir\/manifest.json: damaged: /);
  });

  it("names what is wrong", () => {
    const wrong = { ...good, files: [{ ...file, bytes: 2 ** 60 }] };
    expect(errorOf(() => decodeManifest(sealed(wrong), "m")).message).toMatch(/^m: damaged: \/files\/0\/bytes must be/);
    expect(errorOf(() => decodeManifest(sealed([]), "m")).message).toMatch(/^m: damaged: /);
  });

  it("refuses anything that is not a manifest", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (data) => {
        expect(errorOf(() => decodeManifest(data, "m")).code).toBe("checkpoint_damaged");
      }),
    );
  });

  it("says which version it cannot read", () => {
    const error = errorOf(() =>
      decodeManifest(sealed({ version: 3, format: "hashbrook-checkpoint", other: true }), "m"),
    );
    expect([error.code, error.message]).toEqual([
      "checkpoint_mismatch",
      "m: checkpoint format version 3; this Hashbrook reads versions 1 and 2",
    ]);
  });
});

describe("canonicalJson", () => {
  it("does not depend on the order of keys, and is JSON", () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (given) => {
        const reversed = Object.fromEntries(Object.entries(given).reverse());
        expect(canonicalJson(reversed)).toBe(canonicalJson(given));
        expect(JSON.parse(canonicalJson(given))).toEqual(JSON.parse(JSON.stringify(given)));
      }),
    );
  });

  it("omits undefined values, and refuses non-finite numbers", () => {
    expect(canonicalJson({ b: 1, a: undefined })).toBe('{"b":1}');
    expect(errorOf(() => canonicalJson({ rate: Number.POSITIVE_INFINITY })).code).toBe("internal");
  });
});
