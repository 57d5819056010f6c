import { cpSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CHUNK_BYTES } from "../../src/checkpoints/manifest.js";
import { CheckpointStore } from "../../src/checkpoints/store.js";
import { block, content, errorOf, temporaryDirectory } from "./samples.js";

/** A store with checkpoints of 1 and 2 examples, and the newer one's files. */
function twoCheckpoints() {
  const store = new CheckpointStore(temporaryDirectory());
  store.save(1, content(1));
  const { path } = store.save(2, content(2));
  const files = readdirSync(path).map((name) => ({
    name,
    path: join(path, name),
    data: readFileSync(join(path, name)),
  }));
  return { store, path, files };
}

/** Asserts that the newer checkpoint is refused and the older one used in its place. */
function expectFallBack(store: CheckpointStore, what: string): void {
  const { checkpoint, skipped } = store.latest();
  expect(checkpoint?.examples, what).toBe(1);
  expect(skipped, what).toEqual([
    { path: join(store.directory, "checkpoint-000000000002"), reason: expect.any(String) },
  ]);
}

describe("damage", () => {
  it("is detected at every byte of every file, for any flipped bit", () => {
    const { store, files } = twoCheckpoints();
    for (const { name, path, data } of files) {
      for (let at = 0; at < data.byteLength; at++) {
        const flipped = Buffer.from(data);
        flipped[at] ^= 1 << (at % 8);
        writeFileSync(path, flipped);
        expectFallBack(store, `${name}, byte ${at}`);
      }
      writeFileSync(path, data);
    }
    expect(store.latest().checkpoint!.examples).toBe(2);
  });

  it("is detected if a file is truncated at any byte, or longer", () => {
    const { store, files } = twoCheckpoints();
    for (const { name, path, data } of files) {
      for (let bytes = data.byteLength - 1; bytes >= 0; bytes--) {
        truncateSync(path, bytes);
        expectFallBack(store, `${name}, ${bytes} bytes`);
      }
      writeFileSync(path, Buffer.concat([data, Buffer.of(0)]));
      expectFallBack(store, `${name}, a byte more`);
      writeFileSync(path, data);
    }
  });

  it("is detected if the end of a file is zeros, as after a power failure", () => {
    const { store, files } = twoCheckpoints();
    for (const { name, path, data } of files) {
      writeFileSync(path, Buffer.concat([data.subarray(0, -4), Buffer.alloc(4, 0)]));
      if (!data.subarray(-4).every((byte) => byte === 0)) expectFallBack(store, name);
      writeFileSync(path, data);
    }
  });

  it("is detected if a file comes from another checkpoint or is another file of the same one", () => {
    const { store, path, files } = twoCheckpoints();
    const older = join(store.directory, "checkpoint-000000000001");
    for (const { name, data } of files.filter(({ name }) => name !== "manifest.json")) {
      cpSync(join(older, name), join(path, name));
      expectFallBack(store, name);
      writeFileSync(join(path, name), data);
    }
    writeFileSync(join(path, "dense.safetensors"), files.find(({ name }) => name === "metrics.safetensors")!.data);
    expectFallBack(store, "swapped");
  });

  it("is detected if a checkpoint has another one's manifest", () => {
    const { store, path } = twoCheckpoints();
    cpSync(join(store.directory, "checkpoint-000000000001", "manifest.json"), join(path, "manifest.json"));
    expectFallBack(store, "stale manifest");
  });

  it("is located: file, block, bytes", () => {
    const store = new CheckpointStore(temporaryDirectory());
    const data = new Uint8Array(2 * CHUNK_BYTES + 10);
    const { path } = store.save(1, { meta: {}, blocks: [block("table/ids/rows", "U8", [data.length], data)] });
    const file = join(path, "table-ids.safetensors");
    const bytes = readFileSync(file);
    bytes[bytes.byteLength - 11] ^= 1;
    writeFileSync(file, bytes);
    const range = `bytes ${CHUNK_BYTES} to ${2 * CHUNK_BYTES - 1}`;
    const error = errorOf(() => store.load(path));
    expect(error.code).toBe("checkpoint_damaged");
    expect(error.message).toBe(`${file}: damaged: block table/ids/rows: ${range} do not match their checksum`);
  });
});
