import { parseAvro } from "../event-schemas/avro.js";
import type { EventFormat } from "../spec/compiled.js";
import type { Arena } from "./arena.js";
import { AvroSteps, type Steps } from "./avro-steps.js";
import type { ScanKernel } from "./kernel.js";
import type { Places } from "./places.js";

/** A registered schema: its text, and those of schemas that it uses, those that others use first. */
export interface SchemaText {
  readonly text: string;
  readonly references: readonly string[];
}

/** Byte 0, then the schema's id as a big-endian u32. */
const FRAME_BYTES = 5;

/**
 * Reads events whose schema says how they are written: a plan of steps a schema. Where the spec has no schema, every event begins with a 0
 * and its schema's id, and schemas are told by `add`.
 */
export class BinaryEvents {
  private readonly kernel: ScanKernel;
  private readonly avro: AvroSteps;
  /** Of every event. */
  private readonly steps: Steps | undefined;
  /** By id; null: the registry has none. */
  private readonly byId = new Map<string, Steps | null>();

  constructor({ schema }: EventFormat, kernel: ScanKernel, arena: Arena, places: Places) {
    this.kernel = kernel;
    this.avro = new AvroSteps(arena, places);
    if (schema !== undefined) this.steps = this.avro.of(parseAvro(schema));
  }

  /** @param id as `missing` says it @param schema null: there is none @throws SchemaProblem */
  add(id: string, schema: SchemaText | null): void {
    this.byId.set(id, schema && this.avro.of(parseAvro(schema.text, schema.references)));
  }

  /** The id of the schema that the message [start, end) names, where it was not added yet. */
  missing(bytes: Uint8Array, start: number, end: number): string | undefined {
    if (this.steps || end - start < FRAME_BYTES || bytes[start] !== 0) return undefined;
    const id = String(new DataView(bytes.buffer, bytes.byteOffset + start).getUint32(1));
    return this.byId.has(id) ? undefined : id;
  }

  /** Reads the message [start, end), which lies at the same place of `memory`. @returns a STATUS */
  scan(memory: ArrayBuffer, start: number, end: number): number {
    const { kernel, steps } = this;
    if (steps) return kernel.scanAvro(start, start, end, steps.at, steps.end);
    const view = new DataView(memory, start, end - start);
    const isFramed = view.byteLength >= FRAME_BYTES && view.getUint8(0) === 0;
    const found = isFramed ? this.byId.get(String(view.getUint32(1))) : undefined;
    if (!found) return kernel.refuseUnknown(start, end);
    return kernel.scanAvro(start, start + FRAME_BYTES, end, found.at, found.end);
  }
}
