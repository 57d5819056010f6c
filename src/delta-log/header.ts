import { HashbrookError } from "../core/errors.js";
import { hex } from "../schema/compiled.js";
import { type Compiled, type Immutable, type Static, Type } from "../schema/typebox.js";
import { validator } from "../schema/validator.js";
import { precisions } from "./precision.js";

const Count = Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER });

const facts = {
  kind: Type.Enum(["delta", "snapshot"]),
  /** Hash of the model's spec. */
  run: hex,
  number: Count,
  /** Examples learned. */
  version: Count,
  /**
   * The predecessor: for a delta the link of the entry before it, for a snapshot the link of the delta with its number;
   * zeros in snapshot 0. See `linkOf`.
   */
  link: hex,
  part: Count,
  parts: Count,
  precision: Type.Enum([...precisions]),
  /** A sample of the event times (ms since the epoch) that this entry made visible. */
  times: Type.Array(Type.Number()),
  /** Why changes since then are withheld; absent: they are not. */
  held: Type.Optional(Type.String()),
  /** The compiled spec, in a snapshot's first part; null elsewhere. */
  spec: Type.Union([Type.Null(), Type.Unsafe<unknown>(Type.Object({}))]),
};

const Header = Type.Object({
  ...facts,
  /** Floats of the numbers' statistics; null if another part has them. */
  statistics: Type.Union([Type.Null(), Count]),
  dense: Type.Array(Type.Object({ name: Type.String(), at: Count, size: Count })),
  tables: Type.Array(Type.Object({ name: Type.String(), dim: Count, rows: Count, removed: Count })),
  /** For a calibrator: slices of values, floats of all curves, and the values' texts. Absent: this part has none. */
  calibration: Type.Optional(Type.Object({ slices: Count, values: Count, names: Type.Array(Type.String()) })),
});

/** The content of an entry except its arrays. */
export type EntryFacts = Compiled<typeof facts>;
/** The JSON of a part: its facts, and the lengths of its arrays in their order. */
export type EntryHeader = Immutable<Static<typeof Header>>;

const headerOf = validator(Header);

/**
 * Checks a header's members.
 * @throws HashbrookError log_damaged naming the member
 */
export function checkEntryHeader(value: unknown): EntryHeader {
  const header = headerOf(value, damaged);
  if (header.part >= header.parts) throw damaged("/part must be below /parts");
  return header;
}

function damaged(what: string): HashbrookError {
  return new HashbrookError("log_damaged", `entry of the delta log: its header: ${what}`);
}
