import { expect, it } from "vitest";
import { ScoreCells } from "../../src/metrics/score-cells.js";
import fc from "../properties.js";

const scores = fc.array(fc.float({ min: -8, max: 8, noNaN: true }), { minLength: 1, maxLength: 400 });

/** Counts scores whose labels alternate. */
function keep(cells: ScoreCells, scores: readonly number[]): void {
  cells.count(
    Float32Array.from(scores),
    Float32Array.from(scores, (_, i) => i % 2),
    Float32Array.from(scores, (_, i) => 1 + (i % 3) / 7),
  );
}

it("moves taken weights to the cells of another layout that a list of them is spread over", () => {
  fc.assert(
    fc.property(scores, scores, (before, after) => {
      const cells = new ScoreCells("logits");
      keep(cells, before);
      const former = cells.design([cells.list()]);
      cells.use(former);
      cells.tally("scratch");
      const holder = { cells: cells.take("scratch") };
      const list = cells.listOfTaken(holder.cells);
      keep(cells, after);
      cells.use(cells.design([cells.list(before.length)]));
      cells.moveTaken(former, [holder]);
      const moved = holder.cells.slice();
      cells.spread(list, "scratch");
      expect(moved).toEqual(cells.take("scratch"));
      expect(moved.reduce((sum, weight) => sum + weight, 0)).toBeGreaterThan(0);
    }),
  );
});
