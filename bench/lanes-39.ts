import { loadSpec } from "../src/spec/parse.js";
import { criteoLike } from "./lib/criteo-like.js";
import { laneQuality } from "./lib/lane-quality.js";

/** As `lanes`, of a simulator with 39 fields and the tower that Criteo's data want. */
export function run({ smoke }: { smoke: boolean }): Promise<object> {
  const spec = loadSpec("features/criteo-deep-crossing.yaml");
  return laneQuality([{ name: "criteo-like", spec, data: criteoLike(smoke ? 1_024 : 300_000) }], smoke);
}
