// Message types of a .proto schema (structs that src/decode/proto-layout.ts writes), and what is read of them.
import { Slot } from "./plan";

/** Encodings of values. All up to PB_STRING are scalars. */
export const PB_INT32: u32 = 0;
export const PB_INT64: u32 = 1;
export const PB_UINT32: u32 = 2;
export const PB_UINT64: u32 = 3;
export const PB_SINT32: u32 = 4;
export const PB_SINT64: u32 = 5;
export const PB_FIXED32: u32 = 6;
export const PB_FIXED64: u32 = 7;
export const PB_SFIXED32: u32 = 8;
export const PB_SFIXED64: u32 = 9;
export const PB_FLOAT: u32 = 10;
export const PB_DOUBLE: u32 = 11;
export const PB_BOOL: u32 = 12;
export const PB_ENUM: u32 = 13;
/** Also bytes. */
export const PB_STRING: u32 = 14;
export const PB_MESSAGE: u32 = 15;
/** google.protobuf.Timestamp, as milliseconds. */
export const PB_TIME: u32 = 16;
/** A message that is replaced by its field 1. */
export const PB_WRAPPER: u32 = 17;

/** Wire types. */
export const VARINT: u32 = 0;
export const I64: u32 = 1;
export const LEN: u32 = 2;
export const GROUP: u32 = 3;
export const GROUP_END: u32 = 4;
export const I32: u32 = 5;

/** Cardinality of a field. */
export const PB_ONE: u32 = 0;
export const PB_LIST: u32 = 1;
/** Entries: messages of a key, field 1, and a value, field 2. */
export const PB_MAP: u32 = 2;
@unmanaged
export class ProtoType {
  kind: u32;
  /** Number of symbols or members. */
  count: u32;
  /** Symbols (struct EnumSymbol), ordered by number, or members (struct ProtoMember), in the order of declaration. */
  list: usize;
  /** 1: a closed enum, without unknown numbers. */
  closed: u32;
}

@unmanaged
export class EnumSymbol {
  number: i32;
  at: usize;
  size: u32;
}
export const SYMBOL_BYTES: usize = offsetof<EnumSymbol>();

/** A field, for writing its message as JSON. */
@unmanaged
export class ProtoMember {
  number: u32;
  wire: u32;
  many: u32;
  type: ProtoType;
  /** Its name in JSON, including quotes and colon. */
  at: usize;
  size: u32;
  /** JSON of its default value; none: it is left out if absent. */
  none: usize;
  noneSize: u32;
  /** Number of its oneof within the message; 0: none. */
  oneof: u32;
}
export const PROTO_MEMBER_BYTES: usize = offsetof<ProtoMember>();

/** What is read of a message at a path. */
@unmanaged
export class Message {
  /** u32[direct]: addresses of the fields with numbers below `direct`, 0 for those not read. */
  direct: usize;
  directCount: u32;
  /** The other fields, ordered by number (struct Field). */
  far: usize;
  farEnd: usize;
  /** Initial content of the slots of this path, `size` bytes. */
  slots: usize;
  template: usize;
  size: usize;
  /** 1: some of them are MISPLACED. */
  mayFail: u32;
}

/** What to do with a field. */
@unmanaged
export class Field {
  number: u32;
  wire: u32;
  many: u32;
  type: ProtoType;
  /** The slot of its value, and whether only the number is used. */
  slot: Slot | null;
  binary: u32;
  /** What is read inside it: of a message, or of a map's entries by key (struct ProtoEntry). */
  inner: Message | null;
  entries: usize;
  entriesEnd: usize;
  /** Slots of paths that cannot exist inside it. */
  misplaced: usize;
  misplacedEnd: usize;
  /** All its slots, and pointers to the other fields of its oneof that are read. */
  slots: usize;
  slotsEnd: usize;
  others: usize;
  othersEnd: usize;
  /** The message in which it last occurred, its address there, and 1 if its remaining parts were read at that point. */
  message: u64;
  from: usize;
  whole: u32;
}
export const FIELD_BYTES: usize = offsetof<Field>();

@unmanaged
export class ProtoEntry {
  name: usize;
  size: u32;
  /** Reads the value. */
  value: Field;
  entry: Message;
}
export const PROTO_ENTRY_BYTES: usize = offsetof<ProtoEntry>();
