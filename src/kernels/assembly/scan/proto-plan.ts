// What a .proto schema says of messages (structs that src/decode/proto-layout.ts writes), and what is read of them.
import { Slot } from "./plan";

/** How values are written. All up to PB_STRING are scalars. */
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
/** bytes, too. */
export const PB_STRING: u32 = 14;
export const PB_MESSAGE: u32 = 15;
/** google.protobuf.Timestamp: milliseconds. */
export const PB_TIME: u32 = 16;
/** A message that stands for its field 1. */
export const PB_WRAPPER: u32 = 17;

/** Wire types. */
export const VARINT: u32 = 0;
export const I64: u32 = 1;
export const LEN: u32 = 2;
export const GROUP: u32 = 3;
export const GROUP_END: u32 = 4;
export const I32: u32 = 5;

/** How many values a field has. */
export const PB_ONE: u32 = 0;
export const PB_LIST: u32 = 1;
/** Entries: messages of a key, 1, and a value, 2. */
export const PB_MAP: u32 = 2;
@unmanaged
export class ProtoType {
  kind: u32;
  /** Of symbols, members. */
  count: u32;
  /** Symbols (struct EnumSymbol), ordered by number, or members (struct ProtoMember), as declared. */
  list: usize;
  /** 1: an enum has no further numbers. */
  closed: u32;
}

@unmanaged
export class EnumSymbol {
  number: i32;
  at: usize;
  size: u32;
}
export const SYMBOL_BYTES: usize = offsetof<EnumSymbol>();

/** A field, for whoever writes its message as JSON. */
@unmanaged
export class ProtoMember {
  number: u32;
  wire: u32;
  many: u32;
  type: ProtoType;
  /** Its name in JSON, quotes and colon included. */
  at: usize;
  size: u32;
  /** JSON of its value where it is not there; none: it is left out. */
  none: usize;
  noneSize: u32;
  /** Number of its oneof within the message; 0: none. */
  oneof: u32;
}
export const PROTO_MEMBER_BYTES: usize = offsetof<ProtoMember>();

/** What is read of a message at a place. */
@unmanaged
export class Message {
  /** u32[direct]: addresses of the fields below that number, 0 where nothing is read. */
  direct: usize;
  directCount: u32;
  /** Those above, ordered by number (struct Field). */
  far: usize;
  farEnd: usize;
  /** The slots of this place, as they are before anything is read: `size` bytes. */
  slots: usize;
  template: usize;
  size: usize;
  /** 1: some of them are misplaced. */
  mayFail: u32;
}

/** What to do with a field. */
@unmanaged
export class Field {
  number: u32;
  wire: u32;
  many: u32;
  type: ProtoType;
  /** Where its value goes, and whether only as a number. */
  slot: Slot | null;
  binary: u32;
  /** What is read inside of it: of a message, or by the names of a map's entries (struct ProtoEntry). */
  inner: Message | null;
  entries: usize;
  entriesEnd: usize;
  /** Slots of what cannot be inside of it. */
  misplaced: usize;
  misplacedEnd: usize;
  /** All its slots, and pointers to the other fields of its oneof that are read. */
  slots: usize;
  slotsEnd: usize;
  others: usize;
  othersEnd: usize;
  /** The message it was met in last; there from where on; 1: all that is left of it there was read. */
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
