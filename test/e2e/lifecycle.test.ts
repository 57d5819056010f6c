import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, it } from "vitest";
import { Rng } from "../../src/core/rng.js";
import { DEEP_CROSSING } from "../small-specs.js";
import { digests, endedAfterKills, kills, report, run, temporary } from "./hashbrook.js";

const folder = temporary();
const ROWS = 16_000;
const lifecycle = "budget: 250 kB, admission: { occurrence_threshold: 2 }, eviction: { policy: lru, expire_time: 30m }";

/** A demo model whose large tables have a budget. */
function modelWith(demo: string, change: (yaml: string) => string): string {
  const path = join(folder, basename(demo));
  writeFileSync(path, change(readFileSync(demo, "utf8")));
  return path;
}

const models = {
  lr: modelWith("features/ads-demo-lr.yaml", (yaml) =>
    yaml.replace("encoding: hash, rows: 4_194_304,", `encoding: exact, ${lifecycle},`),
  ),
  deep_crossing: modelWith(DEEP_CROSSING, (yaml) => yaml.replace("users: { dim: 8,", `users: { dim: 8, ${lifecycle},`)),
};

describe.each(Object.entries(models))("training %s whose ids are admitted and evicted", (_, model) => {
  const train = (out: string, ...more: string[]) => [
    ...["train", "--model", model, "--data", `simulate:${ROWS}:5`, "--out", out],
    ...more,
  ];

  it("stays within its budget, reports admissions and evictions, and gives the same bytes when killed and resumed", async () => {
    const whole = temporary();
    const { tables } = await report(train(whole));
    const [{ bytes, rows, lifecycle }] = tables.filter((table) => table.lifecycle);
    expect(bytes).toBeLessThanOrEqual(250_000);
    expect(rows).toBeGreaterThan(1000);
    expect(lifecycle?.refused).toBeGreaterThan(1000);
    expect(lifecycle?.admitted).toBeGreaterThan(rows / 2);
    expect(lifecycle?.evicted.capacity).toBeGreaterThan(100);

    const out = temporary();
    const args = train(out, "--resume", "--checkpoint-every", "600", "--json");
    const deaths = kills(3, 6);
    expect(await endedAfterKills(args, deaths, new Rng(3))).toBe(deaths);
    expect(digests(out)).toEqual(digests(whole));

    const { stdout } = await run(["inspect", "--checkpoint", out, "--top", "0", "--json"]);
    const shown = JSON.parse(stdout).tables.flatMap((table: { stores: object[] }) => table.stores);
    expect(shown).toContainEqual(expect.objectContaining({ lifecycle }));
    expect((await run(["inspect", "--checkpoint", out, "--top", "0"])).stdout).toMatch(
      /admitted .* refused .* evicted .*capacity/,
    );
  }, 300_000);
});
