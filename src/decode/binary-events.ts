import { parseAvro } from "../event-schemas/avro.js";
import { parseProto } from "../event-schemas/protobuf.js";
import { SchemaProblem, type SchemaText } from "../event-schemas/types.js";
import type { EventFormat } from "../spec/compiled.js";
import type { Arena } from "./arena.js";
import { AvroSteps } from "./avro-steps.js";
import type { ScanKernel } from "./kernel.js";
import { FIRST_MESSAGE, messageAt, placesOf } from "./message-places.js";
import type { Places } from "./places.js";
import { ProtoPlans } from "./proto-plans.js";

/** Byte 0, then the schema's id as a big-endian u32. */
const FRAME_BYTES = 5;

/** Messages of one schema that are told apart: an event may name any. */
const MOST_MESSAGES = 1000;

/** Reads the message [start, end) of the kernel's memory, whose event begins at `body`. @returns a STATUS */
type Read = (start: number, body: number, end: number) => number;

/** What reads events of a schema. @param which its message, by its places (Protobuf) @throws SchemaProblem */
type Reader = (schema: SchemaText, which: string) => Read;

interface Known {
  readonly schema: SchemaText | null;
  /** By the message; null: there is none, or none that can be read. */
  readonly reads: Map<string, Read | null>;
}

/**
 * Reads events whose schema says how they are written: a plan a schema. Where the spec has no schema, every event begins with a 0
 * and its schema's id, and schemas are told by `add`.
 */
export class BinaryEvents {
  private readonly kernel: ScanKernel;
  private readonly reader: Reader;
  /** Behind a schema's id stands which of its messages an event is. */
  private readonly placed: boolean;
  /** Of every event. */
  private readonly read: Read | undefined;
  private readonly byId = new Map<string, Known>();
  /** Ids that events have named, of those that were added. */
  private readonly named = new Set<string>();
  private newlyNamed: string[] = [];
  /** What was found last. */
  private last: { readonly number: number; readonly which: string; readonly read: Read | null } | undefined;

  constructor({ format, schema, message }: EventFormat, kernel: ScanKernel, arena: Arena, places: Places) {
    this.kernel = kernel;
    this.placed = format === "protobuf";
    const plans = this.placed ? new ProtoPlans(kernel, arena, places) : undefined;
    this.reader = plans ? protobufReader(kernel, plans) : avroReader(kernel, new AvroSteps(arena, places));
    if (schema === undefined) return;
    if (plans) this.read = protobufRead(kernel, plans.of(parseProto(schema, [], message)));
    else this.read = this.reader({ text: schema, references: [] }, "");
  }

  /** @param id as `missing` says it @param schema null: there is none. Events of one that cannot be read are rejected, too */
  add(id: string, schema: SchemaText | null): void {
    const known: Known = { schema, reads: new Map() };
    this.byId.set(id, known);
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
      return this.reader(schema, which);
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
    if (this.read) return undefined;
    const beside = this.beside(named);
    if (beside) return this.byId.has(beside.id) ? undefined : beside.id;
    if (end - start < FRAME_BYTES || bytes[start] !== 0) return undefined;
    const number = new DataView(bytes.buffer, bytes.byteOffset + start).getUint32(1);
    if (number === this.last?.number) return undefined;
    return this.byId.has(String(number)) ? undefined : String(number);
  }

  /** What stands beside an event: its schema's id, and behind a colon, in hex, which message it is. */
  private beside(named: string | undefined): { id: string; which: string } | undefined {
    if (named === undefined) return undefined;
    const [id, places] = named.split(":");
    if (places === undefined) return { id, which: FIRST_MESSAGE };
    return this.placed ? { id, which: placesOf(Buffer.from(places, "hex")) } : undefined;
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

  /** Reads the message [start, end) of `memory`, the kernel's. @param named as of `missing` @returns a STATUS */
  scan(memory: ArrayBuffer, start: number, end: number, named?: string): number {
    if (this.read) return this.read(start, start, end);
    const beside = this.beside(named);
    if (beside) return this.readBy(this.find(beside.id, beside.which), start, start, end);
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

function avroReader(kernel: ScanKernel, avro: AvroSteps): Reader {
  return ({ text, references }) => {
    const steps = avro.of(parseAvro(text, references));
    return (start, body, end) => kernel.scanAvro(start, body, end, steps.at, steps.end);
  };
}

function protobufReader(kernel: ScanKernel, plans: ProtoPlans): Reader {
  return ({ text, references }, which) =>
    protobufRead(kernel, plans.of(parseProto(text, references, which.split(".").map(Number))));
}

const protobufRead =
  (kernel: ScanKernel, plan: number): Read =>
  (start, body, end) =>
    kernel.scanProtobuf(start, body, end, plan);
