import { HashbrookError } from "../core/errors.js";
import type { Block } from "./checkpoint.js";
import { Xxh64 } from "./hash.js";
import { type BlockEntry, CHUNK_BYTES, type FileEntry } from "./manifest.js";
import { safetensorsLayout } from "./safetensors.js";

/** Takes a file's bytes in order. */
type Sink = (slice: Uint8Array) => void;

/** Small enough that a slice is hashed twice and written while it is in the processor's cache. */
const SLICE_BYTES = 1 << 20;

/** A table's blocks have a file of their own; other blocks share one by the first part of their names. */
function fileOf(block: string): string {
  const [group, table] = block.split("/");
  return `${encodeURIComponent(group === "table" ? `${group}-${table}` : group)}.safetensors`;
}

/** The data files of a checkpoint, sorted by name, and what goes into each. */
export function groupByFile(blocks: readonly Block[]): [string, Block[]][] {
  const groups = new Map<string, Block[]>();
  for (const block of blocks) {
    const name = fileOf(block.name);
    groups.set(name, [...(groups.get(name) ?? []), block]);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
}

/**
 * Streams one safetensors file into `sink`, hashing it on the way, and describes it for the manifest.
 * @throws internal when a block's data has not the size its shape asks for
 */
export function streamFile(name: string, blocks: readonly Block[], sink: Sink): FileEntry {
  const layout = safetensorsLayout(blocks);
  const data = new Map(blocks.map((block) => [block.name, block.data]));
  const hash = new Xxh64();
  const put = (slice: Uint8Array): void => {
    hash.update(slice);
    sink(slice);
  };
  put(layout.header);
  const entries = layout.tensors.map(({ name, dtype, shape, bytes }): BlockEntry => {
    const content = data.get(name)!;
    if (content.byteLength !== bytes) {
      throw new HashbrookError("internal", `block ${name} [${shape}] has ${content.byteLength} bytes, not ${bytes}`);
    }
    return { name, dtype, shape, chunks: streamChunks(content, put) };
  });
  return { name, bytes: layout.bytes, xxh64: hash.digest(), blocks: entries };
}

function streamChunks(data: Uint8Array, put: Sink): string[] {
  const digests: string[] = [];
  for (let start = 0; start < data.byteLength; start += CHUNK_BYTES) {
    const chunk = data.subarray(start, start + CHUNK_BYTES);
    const hash = new Xxh64();
    for (let at = 0; at < chunk.byteLength; at += SLICE_BYTES) {
      const slice = chunk.subarray(at, at + SLICE_BYTES);
      hash.update(slice);
      put(slice);
    }
    digests.push(hash.digest());
  }
  return digests;
}
