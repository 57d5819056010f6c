import { HashbrookError } from "../core/errors.js";
import type { EncodingSpec } from "../spec/compiled.js";
import { ComposedEncoding } from "./composed.js";
import { DheEncoding } from "./dhe.js";
import type { Encoding, EncodingOptions } from "./encoding.js";
import { HotColdEncoding, isHotCold } from "./hot-cold.js";
import { LowDimEncoding, lowDimOptions, lowDimRows } from "./low-dim.js";
import { isSharded, ShardedEncoding } from "./sharded.js";
import { isStore, StoreEncoding } from "./store-encoding.js";

/**
 * Makes an encoding with nothing learned.
 * @throws HashbrookError table_full when its first rows do not fit
 */
export async function createEncoding(spec: EncodingSpec, options: EncodingOptions): Promise<Encoding> {
  if (isStore(spec)) return new StoreEncoding(spec, options);
  if (isSharded(spec)) return new ShardedEncoding(spec, options);
  if (isHotCold(spec)) return new HotColdEncoding(spec, await createEncoding(spec.hot_cold.cold, options), options);
  switch (spec.encoding) {
    case "shared":
    case "compositional":
    case "multi_hash":
      return new ComposedEncoding(spec, options);
    case "dhe":
      return new DheEncoding(spec, options);
    case "low_dim":
      return new LowDimEncoding(spec, await createEncoding(lowDimRows(spec), lowDimOptions(options)), options);
    default:
      throw new HashbrookError("internal", `table ${spec.name}: no encoding ${spec.encoding}`);
  }
}
