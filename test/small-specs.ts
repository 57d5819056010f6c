import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** `features/ads-demo-lr.yaml` with a table that takes no time to make, to save and to compare. */
export const LR = variant("ads-demo-lr", "rows: 4_194_304", "rows: 65_536");
/** `features/ads-demo.yaml`, a Deep Crossing, with a tower that takes none either. */
export const DEEP_CROSSING = variant("ads-demo", /residual: \[.*?\]/, "residual: [16]");
/** `features/ads-demo-join.yaml` and `features/ads-demo-joined.yaml` with that tower. */
export const JOIN = variant("ads-demo-join", /residual: \[.*?\]/, "residual: [16]");
export const JOINED = variant("ads-demo-joined", /residual: \[.*?\]/, "residual: [16]");

/** A spec of features/ that differs in one place. */
function variant(name: string, place: string | RegExp, words: string): string {
  const path = join(mkdtempSync(join(tmpdir(), "hashbrook-test-")), `${name}.yaml`);
  writeFileSync(path, readFileSync(`features/${name}.yaml`, "utf8").replace(place, words));
  return path;
}
