import type { Block, TensorSpec } from "../core/blocks.js";
import { HashbrookError } from "../core/errors.js";
import { Checksum } from "./checksum.js";
import { type BlockEntry, CHUNK_BYTES, type FileEntry } from "./manifest.js";
import { safetensorsLayout } from "./safetensors.js";

/** Receives a file's bytes in order. */
type Sink = (slice: Uint8Array) => void;

/** Small enough that a slice is hashed twice and written while it is in the processor's cache. */
const SLICE_BYTES = 1 << 20;

/** A table's blocks have a separate file; other blocks are grouped into files by the first part of their names. */
function fileOf(block: string): string {
  const [group, table] = block.split("/");
  return `${encodeURIComponent(group === "table" ? `${group}-${table}` : group)}.safetensors`;
}

/**
 * A block that is read while it is being written: `pieces` yields its bytes, 16 MiB at a time (the last piece may be
 * shorter).
 */
export interface StreamedBlock extends TensorSpec {
  pieces(): Iterable<Uint8Array>;
}

/** The data files of a checkpoint, sorted by name, with the blocks of each. */
export function groupByFile<T extends TensorSpec>(blocks: readonly T[]): [string, T[]][] {
  const groups = new Map<string, T[]>();
  for (const block of blocks) {
    const name = fileOf(block.name);
    groups.set(name, [...(groups.get(name) ?? []), block]);
  }
  return [...groups].sort(([a], [b]) => (a < b ? -1 : 1));
}

/** A block in memory, to be written. */
export function streamed({ name, dtype, shape, data }: Block): StreamedBlock {
  return { name, dtype, shape, pieces: () => piecesOf(data) };
}

function* piecesOf(data: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < data.byteLength; at += CHUNK_BYTES) yield data.subarray(at, at + CHUNK_BYTES);
}

/**
 * Streams one safetensors file into `sink`, hashing it on the way, and describes it for the manifest.
 * @throws internal when the size of a block's data does not match its shape
 */
export function streamFile(name: string, blocks: readonly Block[], sink: Sink): FileEntry {
  return toTheEnd(streamFileSteps(name, blocks.map(streamed), sink));
}

/** As `streamFile`, pausing after every 16 MiB to let other work go first. */
export function* streamFileSteps(name: string, blocks: readonly StreamedBlock[], sink: Sink): Steps<FileEntry> {
  const layout = safetensorsLayout(blocks);
  const data = new Map(blocks.map((block) => [block.name, block]));
  const hash = new Checksum();
  const put = (slice: Uint8Array): void => {
    hash.update(slice);
    sink(slice);
  };
  put(layout.header);
  const entries: BlockEntry[] = [];
  for (const { name, dtype, shape, bytes } of layout.tensors) {
    const chunks: string[] = [];
    let length = 0;
    for (const piece of data.get(name)!.pieces()) {
      chunks.push(streamChunk(piece, put));
      length += piece.byteLength;
      yield;
    }
    if (length !== bytes) {
      throw new HashbrookError("internal", `block ${name} [${shape}] has ${length} bytes, not ${bytes}`);
    }
    entries.push({ name, dtype, shape, chunks });
  }
  return { name, bytes: layout.bytes, xxh64: hash.digest(), blocks: entries };
}

function streamChunk(chunk: Uint8Array, put: Sink): string {
  const hash = new Checksum();
  for (let at = 0; at < chunk.byteLength; at += SLICE_BYTES) {
    const slice = chunk.subarray(at, at + SLICE_BYTES);
    hash.update(slice);
    put(slice);
  }
  return hash.digest();
}

/** Work that can be paused after every step. */
export type Steps<T> = Generator<void, T>;

/** Runs all steps. */
export function toTheEnd<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}
