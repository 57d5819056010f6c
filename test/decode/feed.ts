// Drives a decoder and reads its batches back, for tests.
import { expect } from "vitest";
import type { Batch } from "../../src/core/batch.js";
import type { Decoder, Reject, RequestFailure, Taken } from "../../src/decode/decoder.js";
import type { CompiledSpec } from "../../src/spec/compiled.js";
import type { Decoded, RefusedRow, Row } from "./reference.js";

/** Feeds one file in chunks of the sizes given (in turns), to its end; takes every full batch. */
export function feedFile(decoder: Decoder, file: Uint8Array, chunks: readonly number[] = [file.length]): Taken[] {
  const taken: Taken[] = [];
  const drain = () => {
    while (decoder.scan() === "full") taken.push(decoder.take());
  };
  for (let at = 0, i = 0; at < file.length; i++) {
    const room = decoder.room();
    const count = Math.min(room.length, file.length - at, Math.max(1, chunks[i % chunks.length]));
    room.set(file.subarray(at, at + count));
    decoder.commit(count);
    at += count;
    drain();
  }
  decoder.endFile();
  drain();
  return taken;
}

/** The same, and takes the remaining rows. */
export function feed(decoder: Decoder, file: Uint8Array, chunks?: readonly number[]): Taken[] {
  return [...feedFile(decoder, file, chunks), decoder.take()];
}

export function rowsOf(spec: CompiledSpec, batch: Batch): Row[] {
  const { layout } = batch;
  const views = { keys: spec.tables.map((_, t) => batch.keys(t)), bags: layout.bags.map((_, i) => batch.bag(i)) };
  return Array.from({ length: batch.rows }, (_, r) => ({
    label: batch.labels[r],
    weight: batch.weights[r],
    time: batch.times[r],
    id: batch.ids[r],
    oracle: batch.oracle[r],
    numbers: [...batch.numbers.subarray(r * layout.numberCount, (r + 1) * layout.numberCount)],
    vectors: [...batch.vectors.subarray(r * layout.vectorWidth, (r + 1) * layout.vectorWidth)],
    keys: layout.keys.map(({ singles }, t) => [...views.keys[t].subarray(r * singles, (r + 1) * singles)]),
    bags: views.bags.map(({ offsets, keys, weights }) => ({
      keys: [...keys.subarray(offsets[r], offsets[r + 1])],
      weights: [...weights.subarray(offsets[r], offsets[r + 1])],
    })),
  }));
}

export function plainReject({ code, column, offset, row, bytes }: RefusedRow | Reject) {
  return { code, column, offset, row, bytes: Buffer.from(bytes).toString("latin1") };
}

/** Compares rows; log1p may differ in the last bit of an f32 (JavaScript engines differ too). */
export function expectRows(actual: Row[], expected: Row[], spec: CompiledSpec): void {
  const logs = spec.numbers.map((name) =>
    spec.fields.some((field) => field.name === name && field.type === "numeric" && field.transform === "log1p"),
  );
  const bare = (row: Row) => ({ ...row, numbers: row.numbers.filter((_, i) => !logs[i]) });
  expect(actual.map(bare)).toEqual(expected.map(bare));
  for (const [r, row] of actual.entries()) {
    for (const [i, x] of row.numbers.entries()) {
      const y = expected[r].numbers[i];
      if (logs[i] && !Object.is(x, y)) expect(Math.abs(x - y)).toBeLessThanOrEqual(Math.abs(y) * 2 ** -23);
    }
  }
}

/** Compares everything taken with the reference: rows, batch boundaries, positions, rejects. */
export function expectDecoded(spec: CompiledSpec, taken: readonly Taken[], expected: Decoded, capacity: number): void {
  expect(taken.flatMap(({ rejects }) => rejects.map(plainReject))).toEqual(expected.rejects.map(plainReject));
  expectRows(
    taken.flatMap(({ batch }) => rowsOf(spec, batch)),
    expected.rows,
    spec,
  );
  for (const [i, { batch, offset, row }] of taken.slice(0, -1).entries()) {
    expect(batch.rows).toBe(capacity);
    expect({ offset, row }).toEqual(expected.ends[(i + 1) * capacity - 1]);
  }
}

/** Everything that must not depend on the chunks of the input. */
export function outcome(spec: CompiledSpec, { batch, rejects, offset, row, distinct }: Taken) {
  return { rows: rowsOf(spec, batch), rejects, offset, row, distinct: [...distinct] };
}

/** A request's rows, or its first failure. */
export function decodeRequest(
  { requests }: Decoder,
  context: Uint8Array,
  candidates: readonly Uint8Array[],
): { batch: Batch } | { failure: RequestFailure } {
  const failure = requests.readParts(context, candidates);
  return failure ? { failure } : { batch: requests.batch(candidates.length) };
}
