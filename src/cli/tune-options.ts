import { InvalidArgumentError } from "commander";
import { parseBytes, parseSeconds } from "../schema/units.js";

/** A number of bytes, or a share of the full tables' size, as written. */
export function budget(text: string): string {
  const share = /^(\d+(?:\.\d+)?)\s*%$/.exec(text.trim());
  if (share ? Number(share[1]) > 0 : parseBytes(text.trim()) !== undefined) return text;
  throw new InvalidArgumentError(
    "It must be a size in bytes, or a share of the full tables' size: 200MB, 1.5GiB, 50_000_000, 10%.",
  );
}

/** A duration, as written. */
export function time(text: string): string {
  if (parseSeconds(text.trim()) !== undefined) return text;
  throw new InvalidArgumentError("It must be a duration above 0: 90, 30s, 15m, 2h, 1d.");
}
