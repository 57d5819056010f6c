import { closed, nullValues, optional, text } from "../schema/basics.js";
import { Type } from "../schema/typebox.js";
import { formats } from "./compiled.js";
import { defaults } from "./defaults.js";

export const Time = Type.Union(
  [
    text("Column or path of the event time, in milliseconds since 1970."),
    Type.Object(
      {
        from: text("Column or path of the event time."),
        unit: optional(
          Type.Enum(["s", "ms", "us", "ns"], {
            default: defaults.time_unit,
            description: "Unit of times: seconds, milli-, micro- or nanoseconds since 1970.",
          }),
        ),
        zone: optional(
          text('Time zone of calendar times without one: UTC or an offset, "+02:00".', {
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

/** Selects messages, if there are several kinds. */
export const messageType = (what: string) =>
  Type.Object(
    {
      from: text("Column or path of the message's type."),
      is: Type.Union([value, Type.Array(value, { minItems: 1 })], { description: `The type, or types, of ${what}.` }),
    },
    {
      ...closed,
      description: `Selects the messages that are ${what}, if there are several types. Default: all messages.`,
    },
  );

export const Events = Type.Object(
  {
    format: Type.Enum([...formats], {
      description:
        "tsv, csv: one line per event. json: one object per line. vw: Vowpal Wabbit text. libsvm: label index:value. libffm: label field:index:value. avro: one record per event. protobuf: one message per event.",
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
    trim: optional(
      Type.Boolean({
        default: false,
        description: "tsv, csv: spaces and tabs around values, quotes and names of columns are not part of them.",
      }),
    ),
    null_values: optional(nullValues('Texts that mark a value of any field as missing: [NA, "\\\\N"].')),
    numbers_as_strings: optional(
      Type.Boolean({
        default: false,
        description: "json and score requests: numbers may be written as strings.",
      }),
    ),
    schema: optional(text("avro, protobuf: the schema of the events, as a file (.avsc, .proto) or as its text.")),
    message: optional(text("protobuf: the schema's message type of the events. Default: the first one.")),
    within: optional(
      text(
        "json, avro, protobuf: the member with the event's values (payload.after, data). Paths begin there; a path with a leading dot (.ts_ms) begins at the whole message.",
      ),
    ),
    envelope: optional(
      Type.Enum(["cloudevents"], {
        description:
          "json, avro, protobuf: messages are CloudEvents, in binary mode or (json only) in structured mode, depending on their headers. Paths begin in the event's data; .id, .time, .type are its attributes.",
      }),
    ),
    type: optional(messageType("events")),
    id: optional(
      text(
        "Column or path of the event's id. From Kafka, an event with the same id as a recent one is a duplicate and is not learned.",
      ),
    ),
    id_window: optional(
      Type.Integer({
        minimum: 1,
        maximum: 2 ** 30,
        default: defaults.id_window,
        description: "Number of events within which an id is recognised as a duplicate.",
      }),
    ),
  },
  { ...closed, description: "The format of events." },
);
