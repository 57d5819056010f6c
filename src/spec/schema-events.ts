import { closed, nullValues, optional, text } from "../schema/basics.js";
import { Type } from "../schema/typebox.js";
import { formats } from "./compiled.js";
import { defaults } from "./defaults.js";

export const Time = Type.Union(
  [
    text("Where the event time is, in milliseconds since 1970."),
    Type.Object(
      {
        from: text("Where the event time is."),
        unit: optional(
          Type.Enum(["s", "ms", "us", "ns"], {
            default: defaults.time_unit,
            description: "Seconds, milli-, micro- or nanoseconds since 1970.",
          }),
        ),
        zone: optional(
          text('The zone of calendar times that do not say it: UTC or an offset, "+02:00".', {
            default: defaults.time_zone,
          }),
        ),
      },
      closed,
    ),
  ],
  { description: "Event time. A row without one is rejected." },
);

const value = Type.Union([text("A value."), Type.Number(), Type.Boolean()]);

/** Which messages are meant, if there are several kinds. */
export const messageType = (what: string) =>
  Type.Object(
    {
      from: text("Where it stands what a message is."),
      is: Type.Union([value, Type.Array(value, { minItems: 1 })], { description: `The value, or values, of ${what}.` }),
    },
    { ...closed, description: `Messages are of several types: which are ${what}. Default: all are.` },
  );

export const Events = Type.Object(
  {
    format: Type.Enum([...formats], {
      description:
        "tsv, csv: a line an event. json: an object a line. vw: Vowpal Wabbit text. libsvm: label index:value. libffm: label field:index:value. avro: a record a message. protobuf: a message each.",
    }),
    columns: optional(
      Type.Array(text("A column, or a range: C1..C26."), {
        minItems: 1,
        description: "tsv, csv: the columns in file order. Not needed with header: true.",
      }),
    ),
    header: optional(
      Type.Boolean({
        default: defaults.header,
        description: "tsv, csv: the first line of every file names the columns; they are matched by name.",
      }),
    ),
    separator: optional(text('tsv, csv: one ASCII character, "\\x01", "tab". Default: a tab, a comma.')),
    null_values: optional(nullValues('Texts that mean that a value is missing, of any field: [NA, "\\\\N"].')),
    numbers_as_strings: optional(
      Type.Boolean({
        default: false,
        description: "json, and score requests: a number may be written as a string.",
      }),
    ),
    schema: optional(text("avro, protobuf: the writers' schema: a file (.avsc, .proto), or its text.")),
    message: optional(text("protobuf: which message of the schema events are. Default: the first.")),
    within: optional(
      text(
        "json, avro, protobuf: the member that has the event's values (payload.after, data). Paths begin there; with a dot in front, outside (.ts_ms).",
      ),
    ),
    envelope: optional(
      Type.Enum(["cloudevents"], {
        description:
          "json, avro, protobuf: a message is a CloudEvent, in binary mode or, of json, in structured mode, as its headers say. Paths begin in its data; .id, .time, .type are its attributes.",
      }),
    ),
    type: optional(messageType("events")),
    id: optional(
      text("Where the event's id is. From Kafka, an event whose id came lately is a duplicate, and not learned."),
    ),
    id_window: optional(
      Type.Integer({
        minimum: 1,
        maximum: 2 ** 30,
        default: defaults.id_window,
        description: "Events among which an id counts once.",
      }),
    ),
  },
  { ...closed, description: "How an event is written." },
);
