import type { Checkpoint } from "../checkpoints/checkpoint.js";
import type { ServingRows } from "../delta-log/state.js";
import { ExactStore } from "../tables/exact-store.js";
import { HashStore } from "../tables/hash-store.js";
import type { RowStore } from "../tables/row-store.js";
import type { StoreSpec } from "../tables/spec.js";

/** Bytes of rows, in their training format, held at a time. */
const PIECE_BYTES = 8 << 20;
/** Most memory for the store that decodes them. */
const MEMORY = 512 << 20;
/** Rows yielded at a time. */
const CHUNK = 16_384;

/**
 * The weights of a store's learned rows, read from a checkpoint that may be larger than memory.
 * @throws HashbrookError checkpoint_damaged
 */
export function* rowsOfCheckpoint(checkpoint: Checkpoint, spec: StoreSpec): Generator<ServingRows> {
  const { name, dim } = spec;
  const removed = new BigUint64Array();
  const pieces = spec.encoding === "exact" ? exactPieces(checkpoint, spec) : hashPieces(checkpoint, spec);
  for (const { store, first } of pieces)
    for (const { keys, weights } of store.exportRows(CHUNK))
      yield { name, dim, keys: first === 0n ? keys : keys.map((key) => key + first), weights, removed };
}

/** Number of a store's learned rows in a checkpoint. */
export function rowCountOf(checkpoint: Checkpoint, { budget: _, admission: __, ...spec }: StoreSpec): number {
  if (spec.encoding !== "exact") return marked(checkpoint.read(`table/${spec.name}/touched`).data);
  const { rowsBlock, layout } = new ExactStore({ ...spec, rows: 0 }, { memoryLimit: MEMORY });
  return checkpoint.open(rowsBlock).bytes / layout.stride;
}

/** Number of set bits. */
function marked(marks: Uint8Array): number {
  let count = 0;
  for (let byte of marks) for (; byte > 0; byte &= byte - 1) count++;
  return count;
}

/** A store with a piece of the rows, and the number of its first row. */
interface Piece {
  readonly store: RowStore;
  readonly first: bigint;
}

function* exactPieces(checkpoint: Checkpoint, { budget: _, admission: __, ...spec }: StoreSpec): Generator<Piece> {
  const store = new ExactStore({ ...spec, rows: 0 }, { memoryLimit: MEMORY });
  for (const data of piecesOf(checkpoint, store.rowsBlock, store.layout.stride)) {
    store.restoreRows(new Map([[store.rowsBlock, { data }]]));
    yield { store, first: 0n };
  }
}

function* hashPieces(checkpoint: Checkpoint, spec: StoreSpec): Generator<Piece> {
  const marks = checkpoint.read(`table/${spec.name}/touched`).data;
  const block = `table/${spec.name}/state`;
  const open = (rows: number) => new HashStore({ ...spec, rows }, { memoryLimit: MEMORY });
  const { stateBytes } = open(8).layout;
  let store: RowStore | undefined;
  let first = 0;
  for (const data of piecesOf(checkpoint, block, stateBytes)) {
    const rows = data.length / stateBytes;
    if (store?.capacity !== rows) store = open(rows);
    const touched = marks.subarray(first / 8, first / 8 + Math.ceil(rows / 8));
    store.restoreRows(
      new Map([
        [block, { data }],
        [`table/${spec.name}/touched`, { data: touched }],
      ]),
    );
    yield { store, first: BigInt(first) };
    first += rows;
  }
}

/**
 * A block in pieces of whole rows, a multiple of eight except for the last one; each piece reuses the previous one's memory.
 */
function* piecesOf(checkpoint: Checkpoint, block: string, stride: number): Generator<Uint8Array> {
  const rows = Math.max(1, Math.floor(PIECE_BYTES / stride / 8)) * 8;
  const buffer = new Uint8Array(rows * stride);
  let held = 0;
  for (const piece of checkpoint.open(block).pieces()) {
    for (let at = 0; at < piece.length; ) {
      const some = piece.subarray(at, at + buffer.length - held);
      buffer.set(some, held);
      at += some.length;
      held += some.length;
      if (held < buffer.length) break;
      yield buffer;
      held = 0;
    }
  }
  if (held > 0) yield buffer.subarray(0, held);
}
