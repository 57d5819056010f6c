import { expect, test } from "vitest";
import { TurnCount } from "../../../src/serve/threads/turn-count.js";

test("a thread processing long requests sees that another turn waits, without reading its messages", () => {
  const given = new TurnCount();
  const thread = new TurnCount(given.memory);
  expect(thread.waiting).toBe(false);
  given.give();
  expect(thread.waiting).toBe(true);
  thread.begin();
  expect(thread.waiting).toBe(false);
  given.give();
  given.give();
  thread.begin();
  expect(thread.waiting).toBe(true);
});
