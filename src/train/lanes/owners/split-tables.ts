import type { CompiledSpec } from "../../../spec/compiled.js";

/** The largest number of shards of any table. */
export const mostShards = ({ tables }: CompiledSpec): number =>
  tables.reduce((most, { shards = 1 }) => Math.max(most, shards), 1);

/** A predicate for the names of blocks that owners hold: those of split tables. */
export function isShardBlock({ tables }: CompiledSpec): (block: string) => boolean {
  const split = tables.flatMap(({ name, shards = 1 }) => (shards > 1 ? [name] : []));
  return (block) => {
    const [, table = "", shard] = /^table\/([^/]*)\.(\d+)\//.exec(block) ?? [];
    return shard !== undefined && split.includes(table);
  };
}
