import type { Batch } from "../core/batch.js";
import type { Format } from "../spec/compiled.js";
import type { Marks } from "./marks.js";
import type { Reject } from "./reject.js";

/** A place in a file. */
export interface Place {
  /** Bytes of its decompressed content before it, and lines. */
  readonly offset: number;
  readonly row: number;
}

export interface DecoderOptions {
  /** Rows a batch has room for. */
  readonly capacity: number;
  /** Default: the spec's. A server decodes JSON whatever the spec's format is: paths are then the column names. */
  readonly format?: Format;
  /** Default true. False, for scoring: label, weight, time and id may be missing (label NaN, weight 1, time and id 0). */
  readonly requireLabel?: boolean;
  /** Events have no label: it is 0 until somebody else puts it in. Default false. */
  readonly unlabelled?: boolean;
  /** Events of all types are taken, and within nothing, whatever the spec's `events.type` and `events.within` say: candidates have neither. Default false. */
  readonly everyType?: boolean;
  /** The files name their columns in their first line. Default: as the spec says. */
  readonly header?: boolean;
  /** Report distinct-value registers. Default: as requireLabel. */
  readonly distinct?: boolean;
  /** Columns and paths whose texts `take` hands over for every row (they may be none); undefined: no rows are handed over. */
  readonly kept?: readonly string[] | undefined;
  /** Watch for what never varies, for `findings`. Default: as requireLabel. */
  readonly watch?: boolean;
  /** Tell where every row and reject stands. Default false. */
  readonly marks?: boolean;
}

/** What `take` hands over. */
export interface Taken {
  readonly batch: Batch;
  /** Rows refused since the last take: none of them stands after the batch's last row, unless the input is used up. */
  readonly rejects: Reject[];
  /** Bytes of the decompressed file, and its lines, before the next row to read. */
  readonly offset: number;
  readonly row: number;
  /** Distinct-value registers that rose: field << 20 | register << 8 | rank. */
  readonly distinct: Uint32Array<ArrayBuffer>;
  /** Every row since the last take, refused ones too, with the texts that are kept of it (see kept-rows.ts); empty without `kept`. */
  readonly kept: Uint8Array<ArrayBuffer>;
  /** There where they were asked for. */
  readonly marks?: Marks;
}
