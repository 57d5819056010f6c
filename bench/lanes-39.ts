import { loadSpec } from "../src/spec/parse.js";
import { criteoLike } from "./lib/criteo-like.js";
import { laneQuality } from "./lib/lane-quality.js";

/** Like `lanes`, for a simulator with 39 fields and a tower as for Criteo. */
export function run({ smoke }: { smoke: boolean }): Promise<object> {
  const spec = loadSpec("features/criteo-deep-crossing.yaml");
  return laneQuality([{ name: "criteo-like", spec, data: criteoLike(smoke ? 1_024 : 300_000) }], smoke);
}
