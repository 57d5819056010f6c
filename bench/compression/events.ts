import { Batch } from "../../src/core/batch.js";
import { Decoder } from "../../src/decode/decoder.js";
import { openSource } from "../../src/sources/source.js";
import type { CompiledSpec } from "../../src/spec/compiled.js";
import { START } from "../../src/train/stream.js";
import { decodedBatches } from "../../src/train/text-feed.js";

/** A file's batches in this thread, as the trainer sees them. A batch is valid until the next one. */
export async function* batchesOf(spec: CompiledSpec, path: string): AsyncGenerator<Batch> {
  const decoder = new Decoder(spec, { capacity: spec.batch });
  const source = openSource([path]);
  const buffer = new ArrayBuffer(decoder.layout.bytes);
  const options = { start: START, epochs: 1, limit: Number.POSITIVE_INFINITY, buffer: () => buffer };
  for await (const { rows, rejects } of decodedBatches(source, decoder, options)) {
    if (rejects.length > 0) throw new Error(`${path}: row ${rejects[0].row} was rejected: ${rejects[0].code}`);
    if (rows > 0) yield new Batch(decoder.layout, rows, buffer);
  }
  await source.close();
}
