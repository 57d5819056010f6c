import { expect, it } from "vitest";
import { servedSpecs } from "../serve/served-specs.js";
import { trainerOf } from "../serve/trainer.js";

it.each(servedSpecs)(
  "no block is a Buffer: Node 24 did not transfer those of a calibrated model, %s",
  async (_, yaml) => {
    const trainer = await trainerOf(yaml);
    await trainer.learn();
    const blocks = trainer.model.blocks();
    expect(blocks.length).toBeGreaterThan(0);
    expect(blocks.filter(({ data }) => Buffer.isBuffer(data)).map(({ name }) => name)).toEqual([]);
    await trainer.model.close();
  },
);
