import { precisions } from "../delta-log/precision.js";

const placed = { workers: "?whole", precision: precisions } as const;

/** What the options of `Scorer.load` must be. */
export const loading = { ...placed, dims: "?dims", watch: "?boolean", onTrouble: "?function" } as const;

/** Likewise of `Scorer.follow`. */
export const followed = {
  ...placed,
  maxStaleness: "?duration",
  onVisible: "?function",
  onTrouble: "?function",
} as const;
