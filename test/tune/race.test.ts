import { expect, it } from "vitest";
import { goingFrom } from "../../src/tune/race.js";
import type { Rung } from "../../src/tune/schedule.js";

const crowded = new Set(["lru", "threshold"]);
/** Names that continue, of models in the order of their quality; each is `apart` standard errors behind the one before. */
function kept(names: string[], keep: number, { apart = 1, full = [] as string[], ...how }: Partial<Options> = {}) {
  const behind = (best: string, other: string) => apart * (names.indexOf(other) - names.indexOf(best));
  const sorted = names.map((name) => ({ name }));
  return [...goingFrom(sorted, { keep, ...how }, { crowded, full: new Set(full), behind })].map(({ name }) => name);
}
interface Options extends Pick<Rung, "clear"> {
  readonly apart: number;
  readonly full: string[];
}

it("keeps a candidate with stable rows beside the best, even if tables that are not full yet seem better", () => {
  expect(kept(["lru", "threshold", "shared", "hashed"], 2)).toEqual(["lru", "threshold", "shared"]);
  expect(kept(["lru", "threshold", "shared"], 2, { apart: 9, full: ["threshold"] })).toContain("shared");
});

it("keeps only the best if one of them has stable rows, if the very best has, or if only one continues", () => {
  expect(kept(["lru", "shared", "threshold", "hashed"], 3)).toEqual(["lru", "shared", "threshold"]);
  expect(kept(["shared", "hashed", "threshold", "lru"], 2)).toEqual(["shared", "hashed"]);
  expect(kept(["lru", "shared"], 1)).toEqual(["lru"]);
});

it("a candidate with stable rows does not displace a better one once tables are full and it is hopelessly worse", () => {
  const names = ["lru", "threshold", "shared"];
  expect(kept(names, 2, { apart: 9, full: ["lru"] })).toEqual(["lru", "threshold"]);
  expect(kept(names, 2, { apart: 1, full: ["lru"] })).toEqual(names);
});

it("drops what is clearly worse at a rung that asks for it, and nowhere else", () => {
  expect(kept(["hashed", "shared", "lru"], 2, { apart: 4, clear: true })).toEqual(["hashed"]);
  expect(kept(["hashed", "shared", "lru"], 2, { apart: 2, clear: true })).toEqual(["hashed", "shared"]);
  expect(kept(["hashed", "shared", "lru"], 2, { apart: 4 })).toEqual(["hashed", "shared"]);
});
