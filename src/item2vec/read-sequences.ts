import { Batch } from "../core/batch.js";
import { HashbrookError } from "../core/errors.js";
import { numbersAsTexts } from "../core/json.js";
import { Decoder } from "../decode/decoder.js";
import { keptRows } from "../decode/kept-rows.js";
import { type ByteSource, openSource } from "../sources/source.js";
import { type CompiledSpec, isDelimited } from "../spec/compiled.js";
import { START } from "../train/stream.js";
import { decodedBatches } from "../train/text-feed.js";
import { SequenceReader } from "./sequences.js";

const CAPACITY = 4096;

/** How to take sequences from events. */
export interface EventSequences {
  readonly spec: CompiledSpec;
  /** The source of ids: a field of the spec, or a column or path. */
  readonly field: string;
  /** The source of what identifies a sequence, likewise: a user, a session. */
  readonly sequenceBy: string;
  /** Include negatives. Default false: only ids of positive events count. */
  readonly negatives?: boolean | undefined;
}

/** Reads one sequence per line: ids separated by blanks, tabs or commas, or a JSON array. */
export async function sequencesOfLines(data: readonly string[]): Promise<SequenceReader> {
  const reader = new SequenceReader();
  const source = openSource(data);
  try {
    await source.open({ file: 0, offset: 0, row: 0 });
    do {
      const file = source.files[source.file].name;
      let line = 0;
      for await (const lines of linesOf(source)) for (const text of lines) reader.add(idsOf(text, file, ++line));
    } while (await source.nextFile());
  } finally {
    await source.close();
  }
  return reader;
}

/** The lines of the source's current file, some at a time. */
async function* linesOf(source: ByteSource): AsyncGenerator<readonly string[]> {
  const decoder = new TextDecoder();
  const chunk = new Uint8Array(1 << 18);
  let rest = "";
  for (let count = await source.read(chunk); count > 0; count = await source.read(chunk)) {
    const lines = (rest + decoder.decode(chunk.subarray(0, count), { stream: true })).split("\n");
    rest = lines.pop()!;
    yield lines;
  }
  if (rest !== "") yield [rest];
}

function idsOf(text: string, file: string, line: number): string[] {
  if (!/^\s*\[/.test(text)) return text.split(/[\s,]+/).filter((id) => id !== "");
  try {
    JSON.parse(text);
    const ids = JSON.parse(numbersAsTexts(text)) as unknown[];
    return ids.map((id) => (typeof id === "string" ? id : JSON.stringify(id)));
  } catch (error) {
    throw new HashbrookError("source_unreadable", `${file}: line ${line}: ${(error as Error).message}`, {
      hint: "write one sequence per line: a JSON array of ids, or ids separated by blanks, tabs or commas",
    });
  }
}

/** Reads the ids of events, in stream order, into a sequence for every value of `sequenceBy`. Malformed events are skipped. */
export async function sequencesOfEvents(data: readonly string[], events: EventSequences): Promise<SequenceReader> {
  const { spec, field, sequenceBy, negatives = false } = events;
  const kept = new Set([sourceOf(spec, field, "--field"), sourceOf(spec, sequenceBy, "--sequence-by")]);
  const reader = new SequenceReader();
  const sequences = new Map<string, number[]>();
  const decoder = new Decoder(spec, { capacity: CAPACITY, kept: [...kept], distinct: false, watch: false });
  const source = openSource(data);
  const buffer = new ArrayBuffer(decoder.layout.bytes);
  const options = { start: START, epochs: 1, limit: Number.POSITIVE_INFINITY, buffer: () => buffer };
  try {
    for await (const decoded of decodedBatches(source, decoder, options)) {
      const { labels } = new Batch(decoder.layout, decoded.rows, decoded.buffer);
      for (const { id, sequence } of occurrencesIn(decoded.kept!, kept.size, negatives ? null : labels)) {
        const number = reader.numberOf(id);
        const numbers = sequences.get(sequence);
        if (numbers) numbers.push(number);
        else sequences.set(sequence, [number]);
      }
    }
  } finally {
    await source.close();
  }
  for (const sequence of sequences.values()) reader.addNumbered(sequence);
  return reader;
}

/**
 * The ids in a batch's rows, and the sequences that they belong to.
 * @param columns kept of every row: the id, and what identifies the sequence, which may be the same column
 * @param labels if given, rows that are not positive are left out
 */
function* occurrencesIn(
  kept: Uint8Array,
  columns: number,
  labels: Float32Array | null,
): Generator<{ readonly id: string; readonly sequence: string }> {
  let row = 0;
  for (const { rejected, values } of keptRows(kept, columns)) {
    if (rejected !== null) continue;
    const isWanted = labels === null || labels[row] > 0.5;
    row++;
    if (!isWanted) continue;
    const id = values[0];
    const sequence = values.at(-1)!;
    if (id.kind === "missing" || id.text === "" || sequence.kind === "missing") continue;
    yield { id: id.text, sequence: sequence.text };
  }
}

/** A field's source; another name is a column or a path. */
function sourceOf({ fields, events }: CompiledSpec, name: string, flag: string): string {
  const field = fields.find((field) => field.name === name);
  if (field && "from" in field) return field.from;
  const isColumn = !isDelimited(events.format) || events.header || events.columns.includes(name);
  if (!field && isColumn) return name;
  throw new HashbrookError(
    "usage",
    `${flag} ${name}: ${field ? "a cross is not a column of the events" : "neither a field nor a column"}`,
    {
      hint: `fields: ${fields
        .filter((field) => "from" in field)
        .map(({ name }) => name)
        .join(", ")}`,
    },
  );
}
