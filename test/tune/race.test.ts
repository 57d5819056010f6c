import { expect, it } from "vitest";
import { goingFrom } from "../../src/tune/race.js";

const named = (...names: string[]) => names.map((name) => ({ name }));
const crowded = new Set(["lru", "threshold"]);
const kept = (names: string[], keep: number) => [...goingFrom(named(...names), keep, crowded)].map(({ name }) => name);

it("lets one go on that keeps its rows, though tables which are not full yet seem better", () => {
  expect(kept(["lru", "threshold", "shared", "hashed"], 2)).toEqual(["lru", "shared"]);
  expect(kept(["shared", "hashed", "threshold", "lru"], 2)).toEqual(["shared", "threshold"]);
});

it("lets the best go on where both kinds are among them, where there is one kind, or where one goes on", () => {
  expect(kept(["lru", "shared", "threshold", "hashed"], 3)).toEqual(["lru", "shared", "threshold"]);
  expect(kept(["hashed", "shared", "fixed"], 2)).toEqual(["hashed", "shared"]);
  expect(kept(["lru", "shared"], 1)).toEqual(["lru"]);
});
