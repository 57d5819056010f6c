import { readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ChainWriter } from "../../src/checkpoints/chain-writer.js";
import { Checkpoint } from "../../src/checkpoints/checkpoint.js";
import { CHUNK_BYTES } from "../../src/checkpoints/manifest.js";
import { CheckpointStore } from "../../src/checkpoints/store.js";
import { bytesOf } from "../../src/core/blocks.js";
import { type Files, nodeFiles } from "../../src/core/files.js";
import fc from "../properties.js";
import { modelAt, pathOf, SmallModel, saveSteps, writerOf } from "./chains.js";
import { MemoryFiles } from "./memory-files.js";
import { block, errorOf, quickFiles, readAll, sorted, temporaryDirectory, writeAll } from "./samples.js";

const never = { mostIncrements: 1e9, leastBytes: 1e9 };

function contentOf(directory: string, files: Files = quickFiles) {
  const { checkpoint } = new CheckpointStore(directory, files).latest();
  const { meta, blocks } = checkpoint!.content();
  return { meta, blocks: sorted(blocks) };
}

function expected(model: SmallModel) {
  const { meta, blocks } = model.content();
  return { meta, blocks: sorted(blocks) };
}

/** The blocks after steps 1 to 4, which are needed thousands of times. */
const blocksAt = [0, 1, 2, 3, 4].map((n) => expected(modelAt(n)).blocks);

/** Names and bytes of the files of a directory. */
function listing(path: string): Record<string, string> {
  const names = readdirSync(path);
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(path, name)).toString("hex")]));
}

const steps = fc.array(
  fc.record({
    exact: fc.array(fc.nat(12), { maxLength: 6 }),
    hash: fc.array(fc.nat(5), { maxLength: 4 }),
    save: fc.boolean(),
    compact: fc.nat(9),
  }),
  { minLength: 1, maxLength: 25 },
);

describe("a chain", () => {
  it("reads like the full checkpoint, whatever changed, grew, was compacted or pruned in between", () => {
    fc.assert(
      fc.property(steps, fc.boolean(), fc.integer({ min: 0, max: 4 }), (steps, fullFirst, mostIncrements) => {
        const [directory, files] = ["run", new MemoryFiles()];
        const model = new SmallModel();
        if (fullFirst) {
          model.learn([0, 1, 2], [3]);
          new CheckpointStore(directory, files).save(model.examples, model.content());
          model.increment();
        }
        const writer = writerOf(directory, files, { mostIncrements, keep: 2 });
        for (const { exact, hash, save, compact } of steps) {
          model.learn(exact, hash);
          if (!save) continue;
          writer.save(model.increment());
          for (let i = 0; i < compact; i++) writer.step();
          expect(contentOf(directory, files)).toEqual(expected(model));
        }
      }),
      { numRuns: 60 },
    );
  });

  it("is compacted into the bytes of a full checkpoint, except for `replaces` in the manifest", () => {
    const directory = temporaryDirectory();
    const writer = writerOf(directory, quickFiles, { mostIncrements: 3 });
    saveSteps(writer, 1, 5);
    while (writer.step()) expect(contentOf(directory)).toEqual(expected(modelAt(5)));
    const full = new CheckpointStore(temporaryDirectory(), quickFiles).save(5, modelAt(5).content());
    const { "manifest.json": mine, ...files } = listing(pathOf(directory, 5));
    const { "manifest.json": theirs, ...other } = listing(full.path);
    expect(files).toEqual(other);
    expect(mine).not.toEqual(theirs);
    expect(new Checkpoint(pathOf(directory, 5), nodeFiles).chain).toHaveLength(1);
  });

  it("continues after an increment that was compacted meanwhile", () => {
    const directory = temporaryDirectory();
    const writer = writerOf(directory, quickFiles, { mostIncrements: 3 });
    saveSteps(writer, 1, 5);
    writer.step();
    saveSteps(writer, 6, 7);
    while (writer.step()) expect(contentOf(directory)).toEqual(expected(modelAt(7)));
    const chain = new CheckpointStore(directory).latest().checkpoint!.chain;
    expect(chain.map(({ path }) => path)).toEqual([7, 6, 5].map((n) => pathOf(directory, n)));
    expect(chain[2].manifest.parent).toBeUndefined();
  });

  it("is read as the newest checkpoint even if all of its compaction happens during the read", () => {
    // The compaction may happen at any opening of a file; there are about thirty.
    let openings = 0;
    for (let when = 1; when === 1 || openings >= when - 1; when++) {
      const memory = new MemoryFiles();
      const writer = writerOf("run", memory, { mostIncrements: 3 });
      saveSteps(writer, 1, 5);
      openings = 0;
      const open: Files["open"] = (path, flags) => {
        if (++openings === when) while (writer.step());
        return memory.open(path, flags);
      };
      const { checkpoint } = new CheckpointStore("run", { ...memory, open }).latest();
      expect(checkpoint?.examples, `compacted before opening ${when}`).toBe(5);
    }
    expect(openings).toBeGreaterThan(10);
  });

  it("ends in the same full checkpoint as without increments", () => {
    const [one, other] = [temporaryDirectory(), temporaryDirectory()];
    saveSteps(writerOf(one, quickFiles), 1, 5);
    for (const directory of [one, other]) new CheckpointStore(directory, quickFiles).save(5, modelAt(5).content());
    expect(listing(pathOf(one, 5))).toEqual(listing(pathOf(other, 5)));
  });

  it("merges an increment that has as many examples as its parent, a full or another increment", () => {
    for (const before of [1, 3]) {
      const directory = temporaryDirectory();
      const writer = writerOf(directory, quickFiles, never);
      saveSteps(writer, 1, before);
      const model = modelAt(before);
      model.increment();
      const again = { ...model.increment(), meta: { ...model.meta, position: 99 } };
      for (let i = 0; i < 2; i++) writer.save(again);
      expect(contentOf(directory)).toEqual({ ...expected(model), meta: again.meta });
      saveSteps(writer, before + 1, before + 2);
      expect(contentOf(directory)).toEqual(expected(modelAt(before + 2)));
    }
  });

  it("covers blocks larger than a checksummed chunk, with rows across chunks", () => {
    const directory = temporaryDirectory();
    const stride = 1_000_003;
    const rows = 40;
    const data = new Uint8Array(rows * stride).map((_, i) => (i * 7) >>> 3);
    new CheckpointStore(directory, quickFiles).save(1, {
      meta: {},
      blocks: [block("table/e/rows", "U8", [rows, stride], data)],
    });
    const wanted = new Uint8Array((rows + 3) * stride);
    wanted.set(data);
    const changed = Uint32Array.of(...Array.from({ length: 20 }, (_, i) => i + 7), 33, 39, 40, 41, 42);
    const patch = new Uint8Array(changed.length * stride).map((_, i) => i >>> 5);
    changed.forEach((row, i) => void wanted.set(patch.subarray(i * stride, (i + 1) * stride), row * stride));
    writerOf(directory, quickFiles).save({
      examples: 2,
      meta: {},
      blocks: [],
      patches: [{ name: "table/e/rows", dtype: "U8", shape: [rows + 3, stride], rows: changed, data: patch }],
    });
    expect(patch.byteLength).toBeGreaterThan(CHUNK_BYTES);
    const found = new CheckpointStore(directory).latest().checkpoint!.read("table/e/rows");
    expect(Buffer.compare(found.data, wanted)).toBe(0);
  });
});

describe("retention", () => {
  it("counts restorable checkpoints, and keeps what they build on", () => {
    const directory = temporaryDirectory();
    const writer = writerOf(directory, quickFiles, { ...never, keep: 2 });
    saveSteps(writer, 1, 6);
    expect(readdirSync(directory)).toHaveLength(6);
    const store = new CheckpointStore(directory, quickFiles);
    store.save(7, modelAt(7).content());
    store.prune(2);
    expect(readdirSync(directory)).toHaveLength(7);
    store.prune(1);
    expect(readdirSync(directory)).toEqual(["checkpoint-000000000007"]);
  });

  it("removes a chain once enough newer checkpoints do not need it", () => {
    const directory = temporaryDirectory();
    const writer = writerOf(directory, quickFiles, { mostIncrements: 3, keep: 2 });
    saveSteps(writer, 1, 5);
    while (writer.step());
    saveSteps(writer, 6, 6);
    expect(readdirSync(directory)).toEqual(["checkpoint-000000000005", "checkpoint-000000000006"]);
  });
});

/** A full checkpoint at 2 and increments at 3, 4 and 5, with the files of each. */
function smallChain() {
  const [directory, memory] = ["run", new MemoryFiles()];
  const store = new CheckpointStore(directory, memory);
  store.save(2, modelAt(2).content());
  saveSteps(writerOf(directory, memory, never), 3, 5);
  const files = [2, 3, 4, 5].flatMap((examples) =>
    memory.list(pathOf(directory, examples)).map((name) => {
      const path = join(pathOf(directory, examples), name);
      return { examples, name, path, data: readAll(memory, path) };
    }),
  );
  const put = (path: string, data: Uint8Array) => writeAll(memory, path, data);
  return { directory, store, files, memory, put };
}

/** Asserts that everything built on `damaged` is skipped, and the checkpoint before it is used. */
function expectBefore(store: CheckpointStore, damaged: number, what: string): void {
  if (damaged === 2) {
    expect(errorOf(() => store.latest()).code, what).toBe("checkpoint_damaged");
    return;
  }
  const { checkpoint, skipped } = store.latest();
  const found = [checkpoint?.examples, ...skipped.map(({ path }) => path)];
  const passedOver = [5, 4, 3].filter((n) => n >= damaged).map((n) => pathOf(store.directory, n));
  expect(found, what).toEqual([damaged - 1, ...passedOver]);
  expect(sorted(checkpoint!.content().blocks), what).toEqual(blocksAt[damaged - 1]);
}

describe("damage in a chain", () => {
  // Thousands of errors are expected here: most of the time of one is its stack.
  const { stackTraceLimit } = Error;
  beforeAll(() => {
    Error.stackTraceLimit = 0;
  });
  afterAll(() => {
    Error.stackTraceLimit = stackTraceLimit;
  });

  it("is detected at every byte of every file", () => {
    const { store, files, put } = smallChain();
    for (const { name, path, data, examples } of files) {
      for (let at = 0; at < data.byteLength; at++) {
        const flipped = Buffer.from(data);
        flipped[at] ^= 1 << (at % 8);
        put(path, flipped);
        expectBefore(store, examples, `${examples}/${name}, byte ${at}`);
      }
      put(path, data);
    }
    expect(store.latest().checkpoint!.examples).toBe(5);
  });

  it("is not reported for a checkpoint that is absent for a moment while its compacted form replaces it", () => {
    const { directory, memory } = smallChain();
    for (const [gone, times] of [
      [5, 1],
      [5, 2],
      [4, 1],
      [4, 2],
      [4, 3],
    ]) {
      let left = times;
      const files: Files = Object.create(memory);
      files.open = (path, mode) => {
        if (path !== join(pathOf(directory, gone), "manifest.json") || left === 0) return memory.open(path, mode);
        left--;
        throw Object.assign(new Error(`${path}: is not there`), { code: "ENOENT" });
      };
      const { checkpoint, skipped } = new CheckpointStore(directory, files).latest();
      expect([checkpoint?.examples, skipped, left], `${gone} gone ${times} times`).toEqual([5, [], 0]);
    }
  });

  it("costs one read, even if three increments build on the damaged one", () => {
    const { store, files, memory, put } = smallChain();
    const { path, data } = files.find(({ examples, name }) => examples === 2 && name === "table-e.safetensors")!;
    put(path, data.with(-1, data.at(-1)! ^ 1));
    const opened: string[] = [];
    const open: Files["open"] = (path, flags) => {
      opened.push(path);
      return memory.open(path, flags);
    };
    const counting = new CheckpointStore(store.directory, { ...memory, open });
    const read = (run: () => unknown) => {
      opened.length = 0;
      expect(errorOf(run).code).toBe("checkpoint_damaged");
      return opened.filter((name) => name === path).length;
    };
    const headers = 4;
    expect(read(() => counting.latest()) - headers).toBe(read(() => counting.load(pathOf(store.directory, 2))) - 1);
  });

  it("is detected if a file is truncated, missing, or from another checkpoint", () => {
    const { directory, store, files, memory, put } = smallChain();
    for (const { name, path, data, examples } of files) {
      for (let bytes = data.byteLength - 1; bytes >= 0; bytes -= 5) {
        put(path, data.subarray(0, bytes));
        expectBefore(store, examples, `${examples}/${name}, ${bytes} bytes`);
      }
      for (const other of [2, 3, 4, 5].filter((n) => n !== examples)) {
        const theirs = join(pathOf(directory, other), name);
        put(path, readAll(memory, theirs));
        expectBefore(store, examples, `${examples}/${name} of ${other}`);
      }
      if (name !== "manifest.json") {
        memory.remove(path);
        expectBefore(store, examples, `${examples}/${name} gone`);
      }
      put(path, data);
    }
  });

  it("is detected if a parent is missing, or replaced by another one of the same examples", () => {
    for (const lost of [3, 4]) {
      const { directory, store, memory } = smallChain();
      memory.remove(pathOf(directory, lost));
      const { checkpoint, skipped } = store.latest();
      expect(checkpoint!.examples).toBe(lost - 1);
      expect(skipped.at(-1)!.reason).toContain("its parent");
      expect(skipped.at(-1)!.reason).toContain("it is missing");
    }
    const { directory, store } = smallChain();
    store.save(3, { ...modelAt(3).content(), meta: { spec_hash: "00000000deadbeef", other: true } });
    const { checkpoint, skipped } = store.latest();
    expect(checkpoint!.examples).toBe(3);
    expect(skipped.map(({ path }) => path)).toEqual([pathOf(directory, 5), pathOf(directory, 4)]);
    expect(skipped[1].reason).toContain("is a different checkpoint");
  });

  it("is reported with the file and the block", () => {
    const { directory, store, files, put } = smallChain();
    const { path, data } = files.find(({ examples, name }) => examples === 4 && name === "table-e.safetensors")!;
    const flipped = Buffer.from(data);
    flipped[data.byteLength - 1] ^= 1;
    put(path, flipped);
    const { message } = errorOf(() => store.load(pathOf(directory, 5)));
    expect(message).toContain(path);
    expect(message).toContain("block table/e/rows@data: bytes 0 to");
  });

  it("is reported for an inconsistent patch with matching checksums", () => {
    const wrong = (patch: { rows: number[]; shape: number[]; dtype?: "F32" }) => {
      const directory = temporaryDirectory();
      new CheckpointStore(directory, quickFiles).save(1, modelAt(1).content());
      const rows = Uint32Array.from(patch.rows);
      const { shape, dtype = "U8" } = patch;
      const size = shape.slice(1).reduce((a, b) => a * b, dtype === "F32" ? 4 : 1);
      const data = bytesOf(new Uint8Array(rows.length * size));
      writerOf(directory, quickFiles, never).save({
        examples: 2,
        meta: modelAt(1).meta,
        blocks: [],
        patches: [{ name: "table/e/rows", dtype, shape, rows, data }],
      });
      return errorOf(() => new CheckpointStore(directory).load(pathOf(directory, 2)));
    };
    const rows = modelAt(1).rows.length;
    for (const [patch, reason] of [
      [{ rows: [1, 0], shape: [rows, 5] }, "out of order"],
      [{ rows: [0, 0], shape: [rows, 5] }, "out of order"],
      [{ rows: [rows], shape: [rows, 5] }, "past the block's end"],
      [{ rows: [rows], shape: [rows + 2, 5] }, "past|added"],
      [{ rows: [rows + 1], shape: [rows + 2, 5] }, "lacks rows that were added"],
      [{ rows: [0], shape: [rows, 4] }, "does not match"],
      [{ rows: [0], shape: [rows, 5], dtype: "F32" }, "does not match"],
    ] as const) {
      const error = wrong(patch as never);
      expect(error.code).toBe("checkpoint_damaged");
      expect(error.message).toMatch(new RegExp(reason));
    }
  });
});

it("stops with checkpoint_locked if its lock is lost, and writes nothing", () => {
  const directory = temporaryDirectory();
  const store = new CheckpointStore(directory);
  store.lock();
  const writer = new ChainWriter(directory, { keep: 3, parent: null, lock: store.lockPath! });
  saveSteps(writer, 1, 1);
  rmSync(store.lockPath!);
  expect(errorOf(() => saveSteps(writer, 2, 2)).code).toBe("checkpoint_locked");
  expect(readdirSync(directory)).toEqual(["checkpoint-000000000001"]);
});
