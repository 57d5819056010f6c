/** Why a row was rejected, in the order of the kernel's codes (1, 2, ...). */
export const rejectCodes = [
  /** tsv, csv: not as many values as the file has columns. */
  "column_count",
  /** Missing, or not a number where one is needed. */
  "bad_label",
  /** Not a number > 0. */
  "bad_weight",
  /** Not UTF-8, or an unpaired surrogate in a JSON string. */
  "bad_utf8",
  /** Not one JSON object (RFC 8259), or nested deeper than 512. */
  "bad_json",
  /** JSON: a value of a type the field cannot take. */
  "bad_type",
  /** Text that is not a number. */
  "bad_number",
  /** NaN, infinite, or beyond ±1e18; a true probability outside [0, 1]. */
  "number_out_of_range",
  /** The text of one value (one item of a bag or vector) is longer than 65,535 bytes. */
  "value_too_long",
  /** Longer than 4 MiB. */
  "row_too_long",
  "missing_time",
  "bad_time",
  "missing_id",
  /** Not exactly as many numbers as the vector's length. */
  "bad_vector",
  /**
   * csv: text beside a quoted value, a quote inside an unquoted one, or a quote that is never closed. The row ends with
   * its line.
   */
  "bad_quote",
  /**
   * vw: no bar, more words than `label importance base tag` before it, a repeated namespace that the spec reads, or one
   * whose scale is not a number.
   */
  "bad_vw",
  /** A number that is neither positive nor a negative (0, -1). With soft labels: not within 0 and 1. */
  "unknown_label",
  /** Before 1970 or from 2100 on: not a time, or in another unit. */
  "impossible_time",
  /** libsvm, libffm: a word that is not `index:value` or `field:index:value`. */
  "bad_features",
  /** Bytes that do not match the schema: truncated, too many, or of another schema. */
  "bad_avro",
  /** No schema has the id before the event, or there is no id. */
  "unknown_schema",
  /** Bytes that are not a Protobuf message: truncated, of another format, or nested deeper than 100. */
  "bad_protobuf",
] as const;

export type RejectCode = (typeof rejectCodes)[number];

/** A row that was rejected. */
export interface Reject {
  readonly code: RejectCode;
  /** Source column or path of the invalid value, "" if it is not a single one. */
  readonly column: string;
  /** The value found, shortened; null if it is not a single one. */
  readonly value: string | null;
  /** What would have been accepted, in a few words. */
  readonly expected: string;
  /** Byte offset of the row in the decompressed file. */
  readonly offset: number;
  /** 1-based line number in the file. */
  readonly row: number;
  /** The raw row without its newline, at most the first 64 KiB. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Bytes of the whole row. */
  readonly length: number;
}

/** A row that is too long to be read; only its beginning is kept. */
export type PassedRow = Pick<Reject, "bytes" | "offset" | "length">;

/** The kernel's code of a row that is never scanned. */
export const ROW_TOO_LONG = rejectCodes.indexOf("row_too_long") + 1;

/** Maximum size of a row, without its newline, and of the part of a rejected one that is kept. */
export const MAX_ROW = 4 << 20;
export const MAX_REJECT_BYTES = 64 << 10;
/**
 * A batch also ends after this many rejects, or bytes of them, to bound the memory for files that do not fit the spec.
 */
const MAX_REJECTS = 10_000;
const MAX_KEPT_BYTES = 32 << 20;

/** Rejects waiting to be taken. */
export class RejectList {
  readonly list: Reject[] = [];
  private bytes = 0;

  get full(): boolean {
    return this.list.length >= MAX_REJECTS || this.bytes >= MAX_KEPT_BYTES;
  }

  add(reject: Reject): void {
    this.list.push(reject);
    this.bytes += reject.bytes.length;
  }

  /** @param code the kernel's */
  static codeOf(code: number): RejectCode {
    return rejectCodes[code - 1];
  }
}
