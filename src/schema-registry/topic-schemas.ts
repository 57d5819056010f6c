import { HashbrookError } from "../core/errors.js";
import type { SchemaText } from "../event-schemas/types.js";
import { type RegistryOptions, SchemaRegistry } from "./registry.js";

/** Schemas by the ids that events refer to them by; null: the registry had none. */
export type KnownSchemas = Readonly<Record<string, SchemaText | null>>;

/** A reader of events that name their schemas. */
export interface SchemaReader {
  /**
   * The id of the schema that the event [start, end) names, in its bytes or beside them, if that schema is not known
   * yet.
   */
  missing(bytes: Uint8Array, start: number, end: number, id?: string): string | undefined;
  add(id: string, schema: SchemaText | null): void;
}

/** Messages in one contiguous piece of memory. */
export interface Stretch {
  readonly bytes: Uint8Array;
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
}

/** Unknown ids are remembered, and each costs a request: after this many, a run requests no more. */
const MOST_UNKNOWN = 1000;

/** Gives a reader the schemas of a topic's events: those of the checkpoint, and others from the registry. */
export class TopicSchemas {
  private readonly reader: SchemaReader;
  private readonly registry: SchemaRegistry | null;
  private readonly mostUnknown: number;
  /** Number of ids without a schema. */
  private unknown = 0;

  /**
   * @param registry undefined: only the known ones can be read
   * @param known null entries are requested again, since they may have been registered since
   */
  constructor(
    reader: SchemaReader,
    registry: RegistryOptions | undefined,
    known: KnownSchemas,
    mostUnknown = MOST_UNKNOWN,
  ) {
    this.reader = reader;
    this.registry = registry ? new SchemaRegistry(registry) : null;
    this.mostUnknown = mostUnknown;
    for (const [id, schema] of Object.entries(known)) if (schema || !registry) this.add(id, schema);
  }

  private add(id: string, schema: SchemaText | null): void {
    this.reader.add(id, schema);
    if (!schema) this.unknown++;
  }

  /**
   * Requests the unknown schemas that messages [from, to) name. After too many unknown ids, further ones are not
   * requested.
   * @param named the id that a message has beside its bytes
   * @throws HashbrookError schema_registry_failed; usage without a registry
   */
  async need<S extends Stretch>(
    messages: S,
    [from, to]: readonly [number, number],
    named: (messages: S, i: number) => string | undefined,
  ): Promise<void> {
    const { bytes, starts, ends } = messages;
    for (let i = from; i < to; i++) {
      const id = this.reader.missing(bytes, starts[i], ends[i], named(messages, i));
      if (id === undefined || this.unknown >= this.mostUnknown) continue;
      if (!this.registry) throw unknownRegistry(id);
      this.add(id, await this.registry.schema(id));
    }
  }
}

const unknownRegistry = (id: string): HashbrookError =>
  new HashbrookError("usage", `events name schema ${id}, but no schema registry is given`, {
    hint: "give --schema-registry URL; or, if all events are written with one schema and have no id before them, events: { schema: FILE }",
  });
