import { expect, it } from "vitest";
import { goingFrom } from "../../src/tune/race.js";

const named = (...names: string[]) => names.map((name) => ({ name }));
const crowded = new Set(["lru", "threshold"]);
const kept = (names: string[], keep: number) => [...goingFrom(named(...names), keep, crowded)].map(({ name }) => name);

it("keeps a candidate with stable rows, even if tables that are not full yet seem better", () => {
  expect(kept(["lru", "threshold", "shared", "hashed"], 2)).toEqual(["lru", "shared"]);
  expect(kept(["shared", "hashed", "threshold", "lru"], 2)).toEqual(["shared", "threshold"]);
});

it("keeps the best if both kinds are among them, if there is one kind, or if only one continues", () => {
  expect(kept(["lru", "shared", "threshold", "hashed"], 3)).toEqual(["lru", "shared", "threshold"]);
  expect(kept(["hashed", "shared", "fixed"], 2)).toEqual(["hashed", "shared"]);
  expect(kept(["lru", "shared"], 1)).toEqual(["lru"]);
});
