import { InvalidArgumentError } from "commander";
import type { LaneShare } from "../train/lanes/member.js";

/** `k/n`: the k-th of n processes, from 0 on. */
export function laneShare(text: string): LaneShare {
  const [, number, of] = /^(\d{1,2})\/(\d{1,2})$/.exec(text) ?? [];
  if (number === undefined || Number(number) >= Number(of))
    throw new InvalidArgumentError("k/n, the k-th of n processes, from 0 on: 0/4 to 3/4");
  return { number: Number(number), of: Number(of) };
}
