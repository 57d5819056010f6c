/** Which shards of tables are held here, and how to get the rows of the others. */
export interface ShardShare {
  holds(shard: number): boolean;
  /** null: rows are not requested, since nothing is scored here. */
  readonly rows: RemoteRows | null;
}

/** Keys of one shard. */
export interface ShardKeys {
  readonly shard: number;
  /** u64: distinct. */
  readonly keys: BigUint64Array;
}

/** Capacity and rows of a table, or of some of its shards. */
export interface TableSizes {
  readonly rows: number;
  readonly capacity: number;
  readonly bytes: number;
}

/** Keys of a lane's events whose rows other processes hold, by table. */
export type RemoteKeys = ReadonlyMap<string, readonly ShardKeys[]>;

/** Rows that other processes hold. */
export interface RemoteRows {
  /** f32[keys × dim] for each of the table's `RemoteKeys`: the vectors of the current events' keys. */
  vectors(table: string): readonly Float32Array[];
  /** A table's sizes, as last reported by its owners. */
  sizes(table: string): TableSizes;
}
