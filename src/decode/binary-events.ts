import { parseAvro } from "../event-schemas/avro.js";
import {
  avroAttributes,
  avroCloudEvent,
  DATA,
  protoAttributes,
  protoCloudEvent,
} from "../event-schemas/cloud-event.js";
import { type MessageChoice, parseProto } from "../event-schemas/protobuf.js";
import { SchemaProblem, type SchemaText } from "../event-schemas/types.js";
import type { EventFormat } from "../spec/compiled.js";
import type { Arena } from "./arena.js";
import { AvroSteps } from "./avro-steps.js";
import type { ScanKernel } from "./kernel.js";
import { FIRST_MESSAGE, messageAt, placesOf } from "./message-places.js";
import type { Places } from "./places.js";
import { ProtoPlans } from "./proto-plans.js";

/** Passed with an event instead of a schema id: its schema could not be determined. */
export const NO_SCHEMA = "";

/** Byte 0, then the schema's id as a big-endian u32. */
const FRAME_BYTES = 5;

/** Distinct messages of one schema that are cached: an event may name any. */
const MOST_MESSAGES = 1000;

/** Reads the message [start, end) of the kernel's memory, whose event begins at `body`. @returns a STATUS */
type Read = (start: number, body: number, end: number) => number;

/**
 * Makes the reader for events of a schema. @param which its message (Protobuf): default the first @throws SchemaProblem
 */
type Reader = (schema: SchemaText, which: MessageChoice | undefined) => Read;

interface Known {
  readonly schema: SchemaText | null;
  /** Readers by message; null: there is no such message, or none that can be read. */
  readonly reads: Map<string, Read | null>;
}

/**
 * Reads events whose layout is given by a schema, with one plan per schema. If the spec has no schema, every event
 * begins with a 0 and its schema's id, and schemas are supplied by `add`.
 */
export class BinaryEvents {
  private readonly kernel: ScanKernel;
  private readonly reader: Reader;
  /** Whether the schema's id is followed by the index of the event's message in the schema (Protobuf). */
  private readonly placed: boolean;
  /** The reader for all events, if the spec has a schema. */
  private readonly read: Read | undefined;
  private readonly byId = new Map<string, Known>();
  /** Ids that events have named, among those that were added. */
  private readonly named = new Set<string>();
  private newlyNamed: string[] = [];
  /** The last look-up by frame. */
  private last: { readonly number: number; readonly which: string; readonly read: Read | null } | undefined;
  /** The last look-up by the id passed with an event; read is undefined if it names no schema. */
  private lastBeside: { readonly named: string; readonly read: Read | null | undefined } | undefined;
  /** For CloudEvents: the attributes that are read. */
  private readonly attributes: readonly string[];

  constructor({ format, schema, message, envelope }: EventFormat, kernel: ScanKernel, arena: Arena, places: Places) {
    this.kernel = kernel;
    this.placed = format === "protobuf";
    this.attributes = envelope ? [...places.root.children.keys()].filter((name) => name !== DATA) : [];
    this.reader = this.placed
      ? protobufReader(kernel, new ProtoPlans(kernel, arena, places), envelope && this.attributes)
      : avroReader(kernel, new AvroSteps(arena, places), envelope && this.attributes);
    if (schema !== undefined) this.read = this.reader({ text: schema, references: [] }, message);
  }

  /**
   * @param id as returned by `missing`
   * @param schema null: there is none. Events of a schema that cannot be read are rejected, too
   */
  add(id: string, schema: SchemaText | null): void {
    const known: Known = { schema, reads: new Map() };
    this.byId.set(id, known);
    this.last = this.lastBeside = undefined;
    this.readOf(known, FIRST_MESSAGE);
  }

  private readOf({ schema, reads }: Known, which: string): Read | null {
    const known = reads.get(which);
    if (known !== undefined || which === "" || reads.size >= MOST_MESSAGES) return known ?? null;
    const read = schema && this.attempt(schema, which);
    reads.set(which, read);
    return read;
  }

  private attempt(schema: SchemaText, which: string): Read | null {
    try {
      return this.reader(schema, which.split(".").map(Number));
    } catch (error) {
      if (error instanceof SchemaProblem) return null;
      throw error;
    }
  }

  /** The schemas that events have named for the first time since the last call. */
  takeNamed(): Readonly<Record<string, SchemaText | null>> {
    const ids = this.newlyNamed;
    this.newlyNamed = [];
    return Object.fromEntries(ids.map((id) => [id, this.byId.get(id)?.schema ?? null]));
  }

  /**
   * The id of the schema that the message [start, end) names, if it has not been added yet.
   * @param named the schema's id, if it is passed separately from the message
   */
  missing(bytes: Uint8Array, start: number, end: number, named?: string): string | undefined {
    if (this.read || named === NO_SCHEMA || (named !== undefined && named === this.lastBeside?.named)) return undefined;
    const beside = this.beside(named);
    if (beside) return this.byId.has(beside.id) ? undefined : beside.id;
    if (end - start < FRAME_BYTES || bytes[start] !== 0) return undefined;
    const number = new DataView(bytes.buffer, bytes.byteOffset + start).getUint32(1);
    if (number === this.last?.number) return undefined;
    return this.byId.has(String(number)) ? undefined : String(number);
  }

  /** Splits what is passed with an event: its schema's id and, after a colon, the message index in hex. */
  private beside(named: string | undefined): { id: string; which: string } | undefined {
    if (named === undefined) return undefined;
    const [id, places] = named.split(":");
    if (places === undefined) return { id, which: FIRST_MESSAGE };
    return this.placed ? { id, which: placesOf(Buffer.from(places, "hex")) } : undefined;
  }

  /**
   * Converts a CloudEvent in binary mode to one event for `scan`, with its schema's id passed separately. A framed
   * value is taken out of its frame.
   * @param value the message's value
   * @param named as for `missing`
   */
  cloudEvent(attributes: ReadonlyMap<string, string>, value: Uint8Array, named: string | undefined) {
    const frame = this.read || this.beside(named) ? { named, size: 0 } : this.frameOf(value);
    const values = this.attributes.map((name) => attributes.get(name));
    const data = value.subarray(frame.size);
    const before = this.placed ? protoAttributes(values, data.length) : avroAttributes(values);
    return { event: Buffer.concat([before, data]), named: frame.named };
  }

  /** The frame before a message in the notation of separately passed ids, and the frame's size in bytes. */
  private frameOf(value: Uint8Array): { readonly named: string; readonly size: number } {
    if (value.length < FRAME_BYTES || value[0] !== 0) return { named: NO_SCHEMA, size: 0 };
    const view = new DataView(value.buffer, value.byteOffset, value.byteLength);
    const id = String(view.getUint32(1));
    if (!this.placed) return { named: id, size: FRAME_BYTES };
    const size = FRAME_BYTES + messageAt(view, FRAME_BYTES).size;
    return { named: `${id}:${Buffer.from(value.subarray(FRAME_BYTES, size)).toString("hex")}`, size };
  }

  private readBeside(named: string): Read | null | undefined {
    if (this.lastBeside?.named !== named) {
      const beside = this.beside(named);
      this.lastBeside = { named, read: beside && this.find(beside.id, beside.which) };
    }
    return this.lastBeside.read;
  }

  private numbered(number: number, which: string): Read | null {
    if (this.last?.number !== number || this.last.which !== which)
      this.last = { number, which, read: this.find(String(number), which) };
    return this.last.read;
  }

  private find(id: string, which: string): Read | null {
    const found = this.byId.get(id);
    if (found && !this.named.has(id)) {
      this.named.add(id);
      this.newlyNamed.push(id);
    }
    return found ? this.readOf(found, which) : null;
  }

  /** Reads the message [start, end) of `memory`, the kernel's. @param named as for `missing` @returns a STATUS */
  scan(memory: ArrayBuffer, start: number, end: number, named?: string): number {
    if (named === NO_SCHEMA) return this.kernel.refuseUnknown(start, end);
    if (this.read) return this.read(start, start, end);
    const beside = named === undefined ? undefined : this.readBeside(named);
    if (beside !== undefined) return this.readBy(beside, start, start, end);
    const view = new DataView(memory, start, end - start);
    if (view.byteLength < FRAME_BYTES || view.getUint8(0) !== 0) return this.kernel.refuseUnknown(start, end);
    const number = view.getUint32(1);
    if (!this.placed) return this.readBy(this.numbered(number, FIRST_MESSAGE), start, start + FRAME_BYTES, end);
    const { which, size } = messageAt(view, FRAME_BYTES);
    return this.readBy(this.numbered(number, which), start, start + FRAME_BYTES + size, end);
  }

  private readBy(read: Read | null, start: number, body: number, end: number): number {
    return read ? read(start, body, end) : this.kernel.refuseUnknown(start, end);
  }
}

/** @param attributes for CloudEvents: those that are read */
function avroReader(kernel: ScanKernel, avro: AvroSteps, attributes?: readonly string[]): Reader {
  return ({ text, references }) => {
    const type = parseAvro(text, references);
    const steps = avro.of(attributes ? avroCloudEvent(type, attributes) : type);
    return (start, body, end) => kernel.scanAvro(start, body, end, steps.at, steps.end);
  };
}

/** @param attributes as above */
function protobufReader(kernel: ScanKernel, plans: ProtoPlans, attributes?: readonly string[]): Reader {
  return ({ text, references }, which) => {
    const type = parseProto(text, references, which);
    const plan = plans.of(attributes ? protoCloudEvent(type, attributes) : type);
    return (start, body, end) => kernel.scanProtobuf(start, body, end, plan);
  };
}
