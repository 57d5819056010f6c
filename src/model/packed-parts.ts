import type { CalibrationState, DenseSlice, Packed, ServingRows, ServingState } from "../delta-log/state.js";
import type { RowStore } from "../tables/table.js";

/** Default size of a part of a packed model, approximately. */
export const PART_BYTES = 512 << 10;

/** A range [from, to) of a thing's items, at the end of a part. */
export interface ItemRange {
  readonly from: number;
  readonly to: number;
}

/** Something that is packed: `count` items of `unit` bytes each, and how some of them are added to a part. */
export interface Thing {
  readonly count: number;
  readonly unit: number;
  add(run: ItemRange, piece: Piece): void;
}

export interface Piece {
  tables: ServingRows[];
  dense: DenseSlice[];
  statistics: Float64Array | null;
  calibration?: CalibrationState;
}

/** Divides things among parts of about `partBytes` bytes; their contents are read when a part is. */
export function packedParts(things: readonly Thing[], partBytes: number): Packed {
  const parts = layOut(things, partBytes);
  return { parts: parts.length, states: () => pieces(things, parts) };
}

/** The learned rows of a store. @param changed those to pack, unless they were removed since; null: all */
export function learnedRows(store: RowStore, changed: Uint32Array | null): Thing {
  const { name } = store.spec;
  const { dim } = store.layout;
  const some = changed && store.present(changed);
  let next = 0;
  const take = ({ from, to }: ItemRange): Uint32Array => {
    if (some) return some.subarray(from, to);
    const rows = store.rowsFrom(from === 0 ? 0 : next, to - from);
    next = (rows.at(-1) ?? 0) + 1;
    return rows;
  };
  const add = (run: ItemRange, piece: Piece): void => {
    piece.tables.push({ name, dim, ...store.weightsOfRows(take(run)), removed: new BigUint64Array(0) });
  };
  return { count: some ? some.length : store.rows, unit: 8 + dim * 4, add };
}

/** Rows of a store that were removed since the last request. */
export function removedRows(store: RowStore): Thing {
  const removed = store.takeRemoved();
  const { dim } = store.layout;
  const add = ({ from, to }: ItemRange, piece: Piece): void => {
    const rows = { name: store.spec.name, dim, keys: new BigUint64Array(0), weights: new Float32Array(0) };
    piece.tables.push({ ...rows, removed: removed.slice(from, to) });
  };
  return { count: removed.length, unit: 8, add };
}

/** For each part, the range of each thing (by its index) that it holds; a part is closed when it is full. */
function layOut(things: readonly Thing[], partBytes: number): (readonly [number, ItemRange])[][] {
  const parts: [number, ItemRange][][] = [[]];
  let room = partBytes;
  things.forEach(({ count, unit }, index) => {
    for (let from = 0; from < count; ) {
      if (room < unit && parts.at(-1)!.length > 0) {
        parts.push([]);
        room = partBytes;
      }
      const to = Math.min(count, from + Math.max(1, Math.floor(room / Math.max(unit, 1))));
      parts.at(-1)!.push([index, { from, to }]);
      room -= (to - from) * unit;
      from = to;
    }
  });
  return parts;
}

function* pieces(things: readonly Thing[], parts: (readonly [number, ItemRange])[][]): Generator<ServingState> {
  for (const runs of parts) {
    const piece: Piece = { tables: [], dense: [], statistics: null };
    for (const [index, run] of runs) things[index].add(run, piece);
    yield piece;
  }
}
