import { loadSpec } from "../src/spec/parse.js";
import { globo } from "./lib/globo.js";
import { laneQuality } from "./lib/lane-quality.js";

/** Quality by the size of lanes' updates and their staleness: on real news clicks, and on the ads demo's simulator. */
export function run({ smoke }: { smoke: boolean }): Promise<object> {
  const clicks = globo(smoke ? 1_000 : 120_000);
  const data = smoke ? "simulate:2000:7" : "simulate:600000:7";
  const streams = [
    ...(clicks ? [{ name: "globo", spec: loadSpec("features/globo-deep-crossing.yaml"), data: clicks }] : []),
    { name: "ads-demo", spec: loadSpec("features/ads-demo.yaml"), data },
  ];
  return laneQuality(streams, smoke);
}
