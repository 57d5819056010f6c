import { Batch } from "../../core/batch.js";
import { Decoder } from "../../decode/decoder.js";
import { inputsFor, sourceOf } from "../../sources/source.js";
import { type CompiledSpec, type JoinSpec, tiesOf } from "../../spec/compiled.js";
import type { FilePosition } from "../job.js";
import { START } from "../stream.js";
import { decodedBatches } from "../text-feed.js";
import type { ClickPlace, ClickRun, ClickSource, ClickStream } from "./click-stream.js";
import { keptOfClick, textsOf } from "./unused-label.js";

/**
 * Clicks read at a time. Reading can restart only between such runs, so this number is part of a checkpoint's meaning.
 */
const RUN = 1024;

/** The spec with which the decoder reads clicks: an id and a time, and no fields. */
export function clickSpec(spec: CompiledSpec, { clicks }: JoinSpec): CompiledSpec {
  const { events, id, key, time, type } = clicks;
  // The message type is decoded as the label.
  const positive = type ? { any_of: type.is } : { equals: "1" };
  const [tie] = tiesOf(clicks);
  const label = { from: type?.from ?? tie, positive, weight: null, time, id, ...(key && { key }), oracle: null };
  return { ...spec, events, label, fields: [], tables: [], numbers: [] };
}

/** Clicks in files, read in order as one stream. */
export class ClickFiles implements ClickSource {
  readonly streams = 1;
  private readonly spec: CompiledSpec;
  private readonly typed: boolean;
  private readonly kept: readonly string[] | undefined;
  private readonly source: ReturnType<typeof sourceOf>;

  /**
   * @param keeps whether clicks are returned with their texts
   * @throws source_missing, usage
   */
  constructor(spec: CompiledSpec, join: JoinSpec, files: readonly string[], keeps = false) {
    this.kept = keeps ? keptOfClick(join) : undefined;
    this.spec = clickSpec(spec, join);
    this.typed = join.clicks.type !== undefined;
    this.source = sourceOf(inputsFor(files));
  }

  get keeps(): boolean {
    return this.kept !== undefined;
  }

  get fingerprints(): readonly string[] {
    return this.source.fingerprints;
  }

  /** @throws source_changed if the files read before have changed */
  verify(fingerprints: readonly string[]): Promise<void> {
    return this.source.verify(fingerprints);
  }

  async open(_index: number, place: ClickPlace | null): Promise<ClickStream> {
    const { source, kept, typed } = this;
    const reading = { capacity: RUN, unlabelled: !typed, distinct: false, watch: false, kept };
    const decoder = new Decoder(this.spec, reading);
    const buffer = new ArrayBuffer(decoder.layout.bytes);
    const start = place === null ? START : positionOf(place);
    const options = { start, epochs: 1, limit: Number.POSITIVE_INFINITY, buffer: () => buffer };
    return { start: place, next: runs(decodedBatches(source, decoder, options), decoder, start, { typed, kept }) };
  }

  close(): Promise<void> {
    return this.source.close();
  }
}

function runs(
  batches: ReturnType<typeof decodedBatches>,
  { layout }: Decoder,
  start: FilePosition,
  { typed, kept: values = [] }: { readonly typed: boolean; readonly kept: readonly string[] | undefined },
) {
  let at = start;
  return async (): Promise<ClickRun | "end"> => {
    const { value, done } = await batches.next();
    if (done) return "end";
    const { rows, rejects, position, kept } = value;
    const { idHalves: ids, times, labels } = new Batch(layout, rows, value.buffer);
    const others = typed ? labels.map((label) => 1 - label) : undefined;
    const run = { place: placeOf(at), rows, ids, times, others, texts: textsOf(kept, values.length), rejects };
    at = position as FilePosition;
    return run;
  };
}

const placeOf = ({ file, offset, row }: FilePosition): ClickPlace => `${file} ${offset} ${row}`;

function positionOf(place: ClickPlace): FilePosition {
  const [file, offset, row] = place.split(" ").map(Number);
  return { ...START, file, offset, row };
}
