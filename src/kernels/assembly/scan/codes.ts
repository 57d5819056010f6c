// Reject codes, in the order of `rejectCodes` in src/decode/reject.ts. 0 = the row is valid.
export const OK: u32 = 0;
export const COLUMN_COUNT: u32 = 1;
export const BAD_LABEL: u32 = 2;
export const BAD_WEIGHT: u32 = 3;
export const BAD_UTF8: u32 = 4;
export const BAD_JSON: u32 = 5;
export const BAD_TYPE: u32 = 6;
export const BAD_NUMBER: u32 = 7;
export const NUMBER_OUT_OF_RANGE: u32 = 8;
export const VALUE_TOO_LONG: u32 = 9;
export const ROW_TOO_LONG: u32 = 10;
export const MISSING_TIME: u32 = 11;
export const BAD_TIME: u32 = 12;
export const MISSING_ID: u32 = 13;
export const BAD_VECTOR: u32 = 14;
export const BAD_QUOTE: u32 = 15;
export const BAD_VW: u32 = 16;
export const UNKNOWN_LABEL: u32 = 17;
export const IMPOSSIBLE_TIME: u32 = 18;
export const BAD_FEATURES: u32 = 19;
export const BAD_AVRO: u32 = 20;
export const UNKNOWN_SCHEMA: u32 = 21;
export const BAD_PROTOBUF: u32 = 22;

/** Besides reject codes: nothing to decode, or an event of a type that is not read. */
export const BLANK: u32 = 100;

/** Maximum size of the text of one value (of one item, in bags and vectors), bytes. */
export const MAX_VALUE: u32 = 65535;
/** Maximum size of a row, bytes without its newline. */
export const MAX_ROW: u32 = 4 << 20;
/** Maximum nesting of JSON. */
export const MAX_DEPTH: u32 = 512;
