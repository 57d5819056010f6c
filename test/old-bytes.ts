import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as (options?: { readonly type: "minor" }) => void;

const used = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === "old_space")!.space_used_size;

/** By how many bytes the old generation grows if a step is repeated, with a collection of the young one after each. */
export async function oldBytes(step: () => void | Promise<void>, times = 200): Promise<number> {
  for (let i = 0; i < 20; i++) await step();
  collect();
  const before = used();
  for (let i = 0; i < times; i++) {
    await step();
    collect({ type: "minor" });
  }
  return used() - before;
}
