import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as (options?: { readonly type: "minor" }) => void;

const used = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === "old_space")!.space_used_size;

/**
 * By how many bytes the old generation grows if a step is repeated, with a collection of the young one after each. The least of some
 * measurements: what else the process does meanwhile may grow it, too.
 */
export async function oldBytes(step: () => void | Promise<void>, times = 200): Promise<number> {
  for (let i = 0; i < 20; i++) await step();
  let least = Number.POSITIVE_INFINITY;
  for (let turn = 0; turn < 3; turn++) least = Math.min(least, await growth(step, times));
  return least;
}

async function growth(step: () => void | Promise<void>, times: number): Promise<number> {
  collect();
  const before = used();
  for (let i = 0; i < times; i++) {
    await step();
    collect({ type: "minor" });
  }
  return used() - before;
}
