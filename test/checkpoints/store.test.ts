import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { Checkpoint, type CheckpointContent } from "../../src/checkpoints/checkpoint.js";
import { checksumOf } from "../../src/checkpoints/checksum.js";
import { encodeManifest } from "../../src/checkpoints/manifest.js";
import { tensorBytes } from "../../src/checkpoints/safetensors.js";
import { CheckpointStore, openCheckpoint } from "../../src/checkpoints/store.js";
import { type Block, type Dtype, dtypeBytes } from "../../src/core/blocks.js";
import { toPlainError } from "../../src/core/errors.js";
import { type Files, nodeFiles } from "../../src/core/files.js";
import fc from "../properties.js";
import { block, content, errorOf, quickFiles, sorted, temporaryDirectory } from "./samples.js";

function listing(path: string): Record<string, Buffer> {
  return Object.fromEntries(readdirSync(path).map((name) => [name, readFileSync(join(path, name))]));
}

const blocks: fc.Arbitrary<Block[]> = fc.uniqueArray(
  fc
    .record({
      name: fc.oneof(
        fc.tuple(fc.constant("table"), fc.string({ minLength: 1 }), fc.string()).map((parts) => parts.join("/")),
        fc.string({ minLength: 1, unit: "grapheme" }),
        fc.constantFrom("__proto__", "toString", "dense/W0", "a/b/c/d"),
      ),
      dtype: fc.constantFrom(...(Object.keys(dtypeBytes) as Dtype[])),
      shape: fc.array(fc.nat(4), { maxLength: 3 }),
    })
    .chain(({ name, dtype, shape }) => {
      const bytes = tensorBytes({ dtype, shape });
      return fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((view) => block(name, dtype, shape, view));
    }),
  { selector: ({ name }) => name, maxLength: 6 },
);

describe("CheckpointStore", () => {
  it("returns what was saved", () => {
    const store = new CheckpointStore(temporaryDirectory());
    const { path, bytes } = store.save(1000, content(1));
    expect(path).toBe(join(store.directory, "checkpoint-000000001000"));
    const files = listing(path);
    expect(Object.keys(files)).toEqual([
      "dense.safetensors",
      "manifest.json",
      "metrics.safetensors",
      "table-ids.safetensors",
    ]);
    expect(bytes).toBe(Object.values(files).reduce((sum, file) => sum + file.byteLength, 0));
    const { checkpoint, skipped } = store.latest();
    expect(skipped).toEqual([]);
    expect(checkpoint).toMatchObject({ path, examples: 1000, bytes, specHash: "00000000deadbeef" });
    expect(checkpoint!.content()).toEqual({ meta: content(1).meta, blocks: sorted(content(1).blocks) });
  });

  it("round-trips any blocks and any JSON", () => {
    fc.assert(
      fc.property(blocks, fc.dictionary(fc.string(), fc.jsonValue()), (given, state) => {
        const meta = JSON.parse(JSON.stringify({ state }));
        const store = new CheckpointStore(temporaryDirectory(), quickFiles);
        store.save(7, { meta, blocks: given });
        expect(store.latest().checkpoint!.content()).toEqual({ meta, blocks: sorted(given) });
      }),
      { numRuns: 60 },
    );
  });

  it("accepts a block whose name begins with a slash, which found its own checkpoint damaged", () => {
    const store = new CheckpointStore(temporaryDirectory(), quickFiles);
    const block = { name: "/ ", dtype: "U8", shape: [], data: Uint8Array.of(0) } as const;
    store.save(7, { meta: {}, blocks: [block] });
    expect(store.latest().checkpoint!.content()).toEqual({ meta: {}, blocks: [block] });
  });

  it("writes the same bytes for the same content, in any order of blocks and after any earlier saves", () => {
    const [one, other] = [new CheckpointStore(temporaryDirectory()), new CheckpointStore(temporaryDirectory())];
    other.save(1, content(8));
    const first = one.save(5, content(2));
    const second = other.save(5, { ...content(2), blocks: [...content(2).blocks].reverse() });
    expect(listing(second.path)).toEqual(listing(first.path));
  });

  it("returns null if nothing was saved", () => {
    const store = new CheckpointStore(join(temporaryDirectory(), "not", "there"));
    expect(store.latest()).toEqual({ checkpoint: undefined, skipped: [] });
  });

  it("prefers more examples, also beyond twelve digits", () => {
    const store = new CheckpointStore(temporaryDirectory());
    for (const examples of [999_999_999_999, 1_000_000_000_000, 5]) store.save(examples, content(examples % 97));
    expect(store.latest().checkpoint!.examples).toBe(1_000_000_000_000);
  });

  it("does not rewrite a checkpoint if the same is saved again", () => {
    const store = new CheckpointStore(temporaryDirectory());
    const first = store.save(5, content(2));
    writeFileSync(join(first.path, "note"), "kept");
    expect(store.save(5, content(2))).toEqual(first);
    expect(existsSync(join(first.path, "note"))).toBe(true);
  });

  it("replaces a checkpoint of as many examples with different content", () => {
    const store = new CheckpointStore(temporaryDirectory());
    const saved = store.save(5, content(2));
    expect(store.save(5, content(3)).path).toBe(saved.path);
    expect(readdirSync(store.directory)).toEqual(["checkpoint-000000000005"]);
    expect(store.latest().checkpoint!.meta).toEqual(content(3).meta);
  });

  it("replaces a damaged checkpoint with the same content", () => {
    const store = new CheckpointStore(temporaryDirectory());
    const { path } = store.save(5, content(2));
    const whole = listing(path);
    writeFileSync(join(path, "dense.safetensors"), "gone");
    store.save(5, content(2));
    expect(listing(path)).toEqual(whole);
  });

  it("refuses numbers JSON cannot represent, blocks of a wrong size and duplicate names, and leaves nothing behind", () => {
    const store = new CheckpointStore(temporaryDirectory());
    const wrong = block("a", "F32", [2], new Float32Array(3));
    const twice = block("a", "F32", [3], new Float32Array(3));
    const contents: CheckpointContent[] = [
      { meta: { loss: Number.NaN }, blocks: [] },
      { meta: {}, blocks: [wrong] },
      { meta: {}, blocks: [twice, twice] },
    ];
    for (const given of contents) {
      expect(errorOf(() => store.save(1, given)).code).toBe("internal");
      expect(readdirSync(store.directory)).toEqual([]);
    }
  });
});

describe("prune", () => {
  it("keeps the newest, and removes leftovers", () => {
    const store = new CheckpointStore(temporaryDirectory());
    for (let step = 1; step <= 5; step++) store.save(step, content(step));
    mkdirSync(join(store.directory, "checkpoint-000000000009"));
    writeFileSync(join(store.directory, "checkpoint-000000000009", "dense.safetensors"), "half");
    mkdirSync(join(store.directory, "rejected"));
    store.prune();
    expect(readdirSync(store.directory)).toEqual([
      "checkpoint-000000000003",
      "checkpoint-000000000004",
      "checkpoint-000000000005",
      "rejected",
    ]);
    store.prune(1);
    expect(store.latest().checkpoint!.examples).toBe(5);
    expect(readdirSync(store.directory)).toEqual(["checkpoint-000000000005", "rejected"]);
  });

  it("does not count damaged checkpoints as kept", () => {
    const store = new CheckpointStore(temporaryDirectory());
    for (let step = 1; step <= 4; step++) store.save(step, content(step));
    writeFileSync(join(store.directory, "checkpoint-000000000004", "dense.safetensors"), "short");
    store.prune(2);
    expect(readdirSync(store.directory).map((name) => Number(name.slice(-1)))).toEqual([2, 3, 4]);
  });

  it("leaves a file with a checkpoint's name alone: pruning ended the run at it", () => {
    const store = new CheckpointStore(temporaryDirectory());
    const file = join(store.directory, "checkpoint-000000000002");
    writeFileSync(file, "a note");
    for (const examples of [1, 3, 4]) store.save(examples, content(examples));
    store.prune(1);
    expect(readdirSync(store.directory).filter((name) => name.startsWith("checkpoint-"))).toEqual([
      "checkpoint-000000000002",
      "checkpoint-000000000004",
    ]);
    expect(store.latest()).toMatchObject({ checkpoint: { examples: 4 }, skipped: [] });
  });

  it("keeps at least one", () => {
    expect(errorOf(() => new CheckpointStore(temporaryDirectory()).prune(0)).code).toBe("usage");
  });
});

describe("openCheckpoint", () => {
  it("reports a file that is not a directory, without a stack trace", () => {
    const path = join(temporaryDirectory(), "events.tsv");
    writeFileSync(path, "1\n");
    const error = errorOf(() => openCheckpoint(path));
    expect([error.code, error.message]).toEqual([
      "checkpoint_missing",
      `${path}: is a file, not a directory of checkpoints`,
    ]);
  });

  it("opens a run's newest checkpoint, or the given one", () => {
    const store = new CheckpointStore(temporaryDirectory());
    const first = store.save(1, content(1));
    store.save(2, content(2));
    expect(openCheckpoint(store.directory).checkpoint.examples).toBe(2);
    expect(openCheckpoint(first.path).checkpoint.examples).toBe(1);
  });

  it("reports what is missing, with a hint", () => {
    const directory = temporaryDirectory();
    const absent = errorOf(() => openCheckpoint(join(directory, "nowhere")));
    expect([absent.code, absent.message, absent.hint]).toEqual([
      "checkpoint_missing",
      `${join(directory, "nowhere")}: no such directory`,
      expect.stringContaining("train --out"),
    ]);
    expect(errorOf(() => openCheckpoint(directory)).message).toBe(`${directory}: contains no finished checkpoint`);
    expect(errorOf(() => new CheckpointStore(directory).load(join(directory, "x"))).code).toBe("checkpoint_missing");
  });

  it("refuses a newer format, even if an older checkpoint is readable", () => {
    const store = new CheckpointStore(temporaryDirectory());
    store.save(1, content(1));
    const { path } = store.save(2, content(2));
    const manifest = { examples: 2, spec_hash: null, meta: {}, files: [] };
    const text = new TextDecoder().decode(encodeManifest(manifest));
    expect(text).toContain('"version":1');
    writeFileSync(join(path, "manifest.json"), newerVersion(text));
    const error = errorOf(() => openCheckpoint(store.directory));
    expect([error.code, error.hint]).toEqual(["checkpoint_mismatch", expect.stringContaining("newer")]);
    expect(error.message).toContain("version 3");
  });

  it("finds the newer one if the writer saves and prunes during the search", () => {
    const writer = new CheckpointStore(temporaryDirectory());
    writer.save(1, content(1));
    let looked = false;
    const open: Files["open"] = (path, flags) => {
      if (!looked) {
        looked = true;
        writer.save(2, content(2));
        writer.prune(1);
      }
      return nodeFiles.open(path, flags);
    };
    expect(openCheckpoint(writer.directory, { ...nodeFiles, open }).checkpoint.examples).toBe(2);
    expect(looked).toBe(true);
  });

  it.each(["EMFILE", "EACCES"])(
    "a checkpoint that this process may not open (%s) counted as damaged, and an older one was taken",
    (code) => {
      const directory = temporaryDirectory();
      const store = new CheckpointStore(directory, quickFiles);
      for (const examples of [100, 200]) store.save(examples, content(examples));
      const open: Files["open"] = (path, flags) => {
        if (path.includes("000000000200")) throw Object.assign(new Error(`${code}: refused, open`), { code, path });
        return quickFiles.open(path, flags);
      };
      const refused = new CheckpointStore(directory, { ...quickFiles, open });
      expect(toPlainError(errorOf(() => refused.latest()))).toMatchObject({
        code: code === "EMFILE" ? "runtime_unavailable" : "source_unreadable",
        message: expect.stringContaining("checkpoint-000000000200"),
        hint: expect.stringMatching(/raise the limit|permission/),
      });
    },
  );

  it("throws if all checkpoints are damaged, naming each", () => {
    const store = new CheckpointStore(temporaryDirectory());
    for (const step of [1, 2]) writeFileSync(join(store.save(step, content(step)).path, "manifest.json"), "{}");
    const error = errorOf(() => openCheckpoint(store.directory));
    expect(error.code).toBe("checkpoint_damaged");
    expect(error.message).toMatch(/000000000002.*000000000001/);
  });
});

/** The manifest's text as a version 3 would write it, valid only with `xxh64` over the body. */
function newerVersion(text: string): string {
  const body = `{${text.slice('{"checksum":"0123456789abcdef",'.length)}`.replace('"version":1', '"version":3');
  return `{"checksum":"${textChecksum(body)}",${body.slice(1)}`;
}

function textChecksum(text: string): string {
  return checksumOf(new TextEncoder().encode(text));
}

describe("Checkpoint", () => {
  it("reads a block into given memory", () => {
    const store = new CheckpointStore(temporaryDirectory());
    const checkpoint = new Checkpoint(store.save(3, content(3)).path, nodeFiles);
    const memory = new WebAssembly.Memory({ initial: 1 });
    checkpoint.readInto("dense/W0", new Uint8Array(memory.buffer, 64, 24));
    expect([...new Float32Array(memory.buffer, 64, 3)]).toEqual([3, -1.5, 0]);
    expect(checkpoint.has("dense/W0")).toBe(true);
    expect(checkpoint.has("dense/W1")).toBe(false);
  });

  it("reports a block that is missing or of another size", () => {
    const store = new CheckpointStore(temporaryDirectory());
    const checkpoint = store.load(store.save(3, content(3)).path);
    const missing = errorOf(() => checkpoint.read("dense/W1"));
    expect([missing.code, missing.message]).toEqual([
      "checkpoint_mismatch",
      `${checkpoint.path}: has no block dense/W1`,
    ]);
    const small = errorOf(() => checkpoint.readInto("dense/W0", new Uint8Array(20)));
    expect(small.message).toBe(`${checkpoint.path}: block dense/W0 has 24 bytes, the model expects 20`);
  });
});
