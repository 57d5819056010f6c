// What training gets of events, from their text and from a cache.
import { Batch, batchLayout } from "../../src/core/batch.js";
import { Decoder } from "../../src/decode/decoder.js";
import { keptRows } from "../../src/decode/kept-rows.js";
import { CacheFeed } from "../../src/event-cache/feed.js";
import type { inputsOfCache } from "../../src/event-cache/inputs.js";
import { ColumnMemory } from "../../src/kernels/column.js";
import { inputsFor, sourceOf } from "../../src/sources/source.js";
import type { CompiledSpec } from "../../src/spec/compiled.js";
import { batchesOf, type DecodedBatch, START, type StreamOptions } from "../../src/train/stream.js";
import { TextFeed } from "../../src/train/text-feed.js";
import { plainReject, rowsOf } from "../decode/feed.js";

type Kept = readonly string[] | undefined;
export type Options = Omit<StreamOptions, "buffer">;

/** The content of a batch, in plain values. */
function contentOf(spec: CompiledSpec, capacity: number, columns: Kept, decoded: DecodedBatch) {
  const batch = new Batch(batchLayout(spec, capacity), decoded.rows, decoded.buffer, decoded.base);
  const { rejects, position, seen, epochs, kept } = decoded;
  const { file, ...place } = position as { file: number; offset: number; row: number };
  return {
    rows: rowsOf(spec, batch),
    rejects: rejects.map((reject) => ({
      ...plainReject(reject),
      expected: reject.expected,
      value: reject.value,
      length: reject.length,
    })),
    position: { file, ...place },
    seen,
    epochs,
    ...(columns && { kept: [...keptRows(kept!, columns.length)] }),
  };
}

export async function ofText(
  spec: CompiledSpec,
  files: readonly string[],
  capacity: number,
  kept: Kept,
  options: Options,
) {
  const feed = new TextFeed(sourceOf(inputsFor(files)), new Decoder(spec, { capacity, kept }));
  return collected(spec, capacity, kept, batchesOf(feed, { ...options, buffer: () => new ArrayBuffer(0) }));
}

export function ofCache(
  spec: CompiledSpec,
  inputs: ReturnType<typeof inputsOfCache>,
  capacity: number,
  kept: Kept,
  options: Options,
) {
  const memory = new ColumnMemory({ shared: true });
  const layout = batchLayout(spec, capacity);
  const base = memory.take(layout.bytes);
  const room = () => ({ buffer: memory.memory.buffer, base });
  const feed = new CacheFeed(inputs, { spec, layout, memory, room, kept });
  return collected(spec, capacity, kept, batchesOf(feed, { ...options, buffer: room })).finally(() => feed.close());
}

export async function collected(
  spec: CompiledSpec,
  capacity: number,
  kept: Kept,
  batches: AsyncIterable<DecodedBatch>,
) {
  const all: ReturnType<typeof contentOf>[] = [];
  const registers = new Map<number, number>();
  for await (const decoded of batches) {
    all.push(contentOf(spec, capacity, kept, decoded));
    for (const change of decoded.distinct)
      registers.set(change >>> 8, Math.max(registers.get(change >>> 8) ?? 0, change & 255));
  }
  return { batches: all, distinct: [...registers].sort(([a], [b]) => a - b) };
}

export const wholeRun: Options = { start: START, epochs: 1, limit: Number.POSITIVE_INFINITY };
