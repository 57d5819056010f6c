import type { Batch } from "../core/batch.js";
import type { Format } from "../spec/compiled.js";
import type { Marks } from "./marks.js";
import type { Reject } from "./reject.js";

/** A place in a file. */
export interface Place {
  /** Bytes of its decompressed content before the position, and lines. */
  readonly offset: number;
  readonly row: number;
}

export interface DecoderOptions {
  /** Rows a batch has room for. */
  readonly capacity: number;
  /** Default: the spec's. A server decodes JSON whatever the spec's format is; paths are then the column names. */
  readonly format?: Format;
  /**
   * Default true. False, for scoring: label, weight, time and id may be missing (label NaN, weight 1, time and id 0).
   */
  readonly requireLabel?: boolean;
  /** Events have no label: it is 0 until it is filled in later. Default false. */
  readonly unlabelled?: boolean;
  /**
   * Events of all types are accepted, and paths begin at the root, whatever the spec's `events.type` and
   * `events.within` say: candidates have neither. Default false.
   */
  readonly everyType?: boolean;
  /** Whether the files' first line names their columns. Default: as the spec says. */
  readonly header?: boolean;
  /** Report changes of distinct-value registers. Default: as requireLabel. */
  readonly distinct?: boolean;
  /** Columns and paths whose texts `take` returns for every row (may be empty); undefined: no rows are returned. */
  readonly kept?: readonly string[] | undefined;
  /** Watch for values that never vary, for `findings`. Default: as requireLabel. */
  readonly watch?: boolean;
  /** Report the position of every row and reject. Default false. */
  readonly marks?: boolean;
}

/** The result of `take`. */
export interface Taken {
  readonly batch: Batch;
  /** Rows rejected since the last take: none of them comes after the batch's last row, unless the input is used up. */
  readonly rejects: Reject[];
  /** Bytes of the decompressed file, and its lines, before the next row to read. */
  readonly offset: number;
  readonly row: number;
  /** Distinct-value registers that increased: field << 20 | register << 8 | rank. */
  readonly distinct: Uint32Array<ArrayBuffer>;
  /** Every row since the last take, rejected ones too, with its kept texts (see kept-rows.ts); empty without `kept`. */
  readonly kept: Uint8Array<ArrayBuffer>;
  /** Present if requested. */
  readonly marks?: Marks;
}
