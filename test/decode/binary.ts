// Shared by the tests of binary events: a model sees the same values in any format, so batches must equal those of JSON.
import { expect } from "vitest";
import { Decoder } from "../../src/decode/decoder.js";
import type { CompiledField, CompiledSpec, Format } from "../../src/spec/compiled.js";
import { outcome } from "./feed.js";
import { specOf } from "./generate.js";

const plain = { columns: [], header: false, separator: "" };

/** Specs of the same model for JSON and for events of a binary format. */
export function specsOf(
  events: { format: Format; schema?: string; message?: string },
  fields: readonly CompiledField[],
  label: string,
): Record<"json" | "binary", CompiledSpec> {
  const base = specOf([...fields]);
  const positive = { equals: "1" };
  const of = (written: CompiledSpec["events"]) =>
    specOf([...fields], { events: written, label: { ...base.label, from: label, positive } });
  return { json: of({ format: "json", ...plain }), binary: of({ ...plain, ...events }) };
}

export function messages(spec: CompiledSpec, events: readonly Uint8Array[], requireLabel = false) {
  return messagesBy(new Decoder(spec, { capacity: events.length + 1, requireLabel, distinct: true }), spec, events);
}

export function messagesBy(decoder: Decoder, spec: CompiledSpec, events: readonly Uint8Array[]) {
  for (const [i, event] of events.entries()) decoder.message(event, 0, event.length, i);
  const taken = decoder.take();
  const { rejects, ...rest } = outcome(spec, taken);
  return { ...rest, rejects: taken.rejects.map(({ code, column, offset }) => ({ code, column, offset })) };
}

/** Decodes an event truncated at every byte, with every byte replaced by every other, and `more`: each gives a row or a reject. @returns number of rows, and codes */
export function damaged(spec: CompiledSpec, whole: Uint8Array, more: readonly Uint8Array[] = []) {
  const decoder = new Decoder(spec, { capacity: 8 });
  const codes = new Set<string>();
  let decoded = 0;
  const look = (event: Uint8Array) => {
    decoder.message(event, 0, event.length, 0);
    const { batch, rejects } = decoder.take();
    expect(batch.rows + rejects.length).toBe(event.length === 0 ? 0 : 1);
    decoded += batch.rows;
    for (const { code } of rejects) codes.add(code);
  };
  for (let at = 0; at < whole.length; at++) {
    look(whole.subarray(0, at));
    for (let value = 0; value < 256; value++) look(whole.with(at, value));
  }
  for (const event of more) look(event);
  return { decoded, codes: [...codes].sort() };
}

export const categorical = (from: string): CompiledField => ({ name: from, type: "categorical", from });
export const numeric = (from: string): CompiledField => ({
  name: `${from}:n`,
  type: "numeric",
  from,
  transform: "raw",
  missing: 0,
});
export const bag = (from: string): CompiledField => ({
  name: `${from}:b`,
  type: "bag",
  from,
  separator: "|",
  combiner: "mean",
  max_length: 6,
});

const chosen = <T>(list: readonly T[], seed: number): T => list[seed % list.length];

/** Decoders of random events, whose members are f0, f1, …, for JSON and for a binary format. */
export function decodersOf(format: Format, seed: number) {
  const paths = ["f1", "f2", "f3", "f4", "f1.f0", "f2.f1", "f3.f0.f0", "f4.a", "f1.a.b", "f2.f0.a", "none"];
  const fields = [0, 1, 2].map((i) => chosen([categorical, numeric, bag], seed + i)(chosen(paths, 3 * seed + 7 * i)));
  const unlike = fields.filter(({ name }, i) => fields.findIndex((other) => other.name === name) === i);
  const specs = specsOf({ format }, unlike, chosen(["f0", "f0", "f1.f0"], seed));
  const options = { capacity: 100, requireLabel: false, distinct: true };
  return { json: new Decoder(specs.json, options), binary: new Decoder(specs.binary, options), spec: specs.json };
}

export const framed = (id: number, body: Uint8Array) =>
  Buffer.concat([Buffer.from([0, id >>> 24, id >>> 16, id >>> 8, id]), body]);
