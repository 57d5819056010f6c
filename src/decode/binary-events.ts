import { parseAvro } from "../event-schemas/avro.js";
import { SchemaProblem, type SchemaText } from "../event-schemas/types.js";
import type { EventFormat } from "../spec/compiled.js";
import type { Arena } from "./arena.js";
import { AvroSteps, type Steps } from "./avro-steps.js";
import type { ScanKernel } from "./kernel.js";
import type { Places } from "./places.js";

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
  /** By id; without steps: there is no such schema, or none that can be read. */
  private readonly byId = new Map<string, { readonly schema: SchemaText | null; readonly steps: Steps | null }>();
  /** Ids that events have named, of those that were added. */
  private readonly named = new Set<string>();
  private newlyNamed: string[] = [];
  /** What was found last. */
  private last: { readonly number: number; readonly steps: Steps | null } | undefined;

  constructor({ schema }: EventFormat, kernel: ScanKernel, arena: Arena, places: Places) {
    this.kernel = kernel;
    this.avro = new AvroSteps(arena, places);
    if (schema !== undefined) this.steps = this.avro.of(parseAvro(schema));
  }

  /** @param id as `missing` says it @param schema null: there is none. Events of one that cannot be read are rejected, too */
  add(id: string, schema: SchemaText | null): void {
    this.byId.set(id, { schema, steps: schema && this.stepsOf(schema) });
  }

  private stepsOf({ text, references }: SchemaText): Steps | null {
    try {
      return this.avro.of(parseAvro(text, references));
    } catch (error) {
      if (error instanceof SchemaProblem) return null;
      throw error;
    }
  }

  /** The schemas that events have named since this was asked last, and not before. */
  takeNamed(): Readonly<Record<string, SchemaText | null>> {
    const ids = this.newlyNamed;
    this.newlyNamed = [];
    return Object.fromEntries(ids.map((id) => [id, this.byId.get(id)?.schema ?? null]));
  }

  /** The id of the schema that the message [start, end) names, where it was not added yet. @param named its id, where that stands beside it */
  missing(bytes: Uint8Array, start: number, end: number, named?: string): string | undefined {
    if (this.steps) return undefined;
    if (named !== undefined) return this.byId.has(named) ? undefined : named;
    if (end - start < FRAME_BYTES || bytes[start] !== 0) return undefined;
    const number = new DataView(bytes.buffer, bytes.byteOffset + start).getUint32(1);
    if (number === this.last?.number) return undefined;
    return this.byId.has(String(number)) ? undefined : String(number);
  }

  private numbered(number: number): Steps | null {
    if (this.last?.number !== number) this.last = { number, steps: this.find(String(number)) };
    return this.last.steps;
  }

  private find(id: string): Steps | null {
    const found = this.byId.get(id);
    if (found && !this.named.has(id)) {
      this.named.add(id);
      this.newlyNamed.push(id);
    }
    return found?.steps ?? null;
  }

  /** Reads the message [start, end) of `memory`, the kernel's. @param named as of `missing` @returns a STATUS */
  scan(memory: ArrayBuffer, start: number, end: number, named?: string): number {
    const { kernel, steps } = this;
    if (steps) return kernel.scanAvro(start, start, end, steps.at, steps.end);
    const view = new DataView(memory, start, end - start);
    const isFramed = named === undefined && view.byteLength >= FRAME_BYTES && view.getUint8(0) === 0;
    const found = named !== undefined ? this.find(named) : isFramed ? this.numbered(view.getUint32(1)) : null;
    if (!found) return kernel.refuseUnknown(start, end);
    return kernel.scanAvro(start, isFramed ? start + FRAME_BYTES : start, end, found.at, found.end);
  }
}
