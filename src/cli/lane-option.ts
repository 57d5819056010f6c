import { InvalidArgumentError } from "commander";
import { HashbrookError } from "../core/errors.js";
import type { LaneShare } from "../train/lanes/options.js";

/** `k/n`: the k-th of n processes, from 0 on. */
export function laneShare(text: string): LaneShare {
  const [, number, of] = /^(\d{1,2})\/(\d{1,2})$/.exec(text) ?? [];
  if (number === undefined || Number(number) >= Number(of))
    throw new InvalidArgumentError("k/n, the k-th of n processes, from 0 on: 0/4 to 3/4");
  return { number: Number(number), of: Number(of) };
}

interface Shares {
  readonly lane?: LaneShare | undefined;
  readonly owner?: LaneShare | undefined;
  readonly owners?: number | undefined;
  readonly ownerHost?: string | undefined;
}

/**
 * @returns whether this is one process of a run with lanes
 * @throws usage if its flags contradict each other
 */
export function refuseShares({ lane, owner, owners, ownerHost }: Shares): boolean {
  const refuse = (message: string, hint: string): never => {
    throw new HashbrookError("usage", message, { hint });
  };
  if (lane && owner) refuse("--lane and --owner cannot be combined", "give one of them: an owner has no lane");
  if (owners !== undefined && !lane)
    refuse("--owners: requires --processes or --lane", "add --processes or --lane; an owner itself takes --owner");
  if (ownerHost !== undefined && !owner) refuse("--owner-host: requires --owner", "add --owner");
  return lane !== undefined || owner !== undefined;
}
