/** Which shards of tables are held here, and who is asked for the rows of the others. */
export interface ShardShare {
  holds(shard: number): boolean;
  /** null: nobody is, since nothing is scored here. */
  readonly rows: RemoteRows | null;
}

/** Keys of one shard. */
export interface ShardKeys {
  readonly shard: number;
  /** u64: each once. */
  readonly keys: BigUint64Array;
}

/** Room and rows of a table, or of some of its shards. */
export interface TableSizes {
  readonly rows: number;
  readonly capacity: number;
  readonly bytes: number;
}

/** Keys of a lane's events whose rows other processes hold, by table. */
export type RemoteKeys = ReadonlyMap<string, readonly ShardKeys[]>;

/** Rows that other processes hold. */
export interface RemoteRows {
  /** f32[keys × dim] for each of the table's `RemoteKeys`: what the keys of the events at hand predict with. */
  vectors(table: string): readonly Float32Array[];
  /** Of a table, as far as its owners have told. */
  sizes(table: string): TableSizes;
}
