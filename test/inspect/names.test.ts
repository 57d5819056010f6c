import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { inspect, keysOf, train } from "../../src/index.js";
import { parseSpec } from "../../src/spec/parse.js";
import { run, temporary } from "../e2e/hashbrook.js";

const folder = temporary();
const data = join(folder, "events.json");

/** Articles of a topic are clicked only by readers of that topic, so their vectors become similar. */
const events = Array.from({ length: 3000 }, (_, i) => {
  const [user, item] = [i % 7, (i * 5) % 12];
  const alike = user % 2 === item % 2;
  return { clicked: Number(alike), user: `u${user}`, item: `a${item}`, price: item, tags: [`t${item % 2}`, item] };
});

const fields = `
  - { name: user, type: categorical, table: ids }
  - { name: item, type: categorical, table: ids }
  - { name: price, type: numeric, transform: { buckets: [1, 5] }, table: ids }
  - { name: tags, type: bag, table: ids }
  - { name: user_x_item, type: cross, of: [user, item], table: ids }
  - { name: user_x_price, type: cross, of: [user, price], table: ids }`;
const specOf = (name: string, table: string, tower: string) =>
  parseSpec(
    `name: ${name}
events: { format: json }
label: { field: clicked }
fields:${fields}
tables:
  ids: { ${table} }
tower: ${tower}
`,
    `${name}.yaml`,
  );
const lr = specOf("lr", "encoding: exact, rows: 100", "lr");
const hashed = specOf("hashed", "encoding: hash, rows: 2", "lr");
const fm = specOf("fm", "encoding: exact, rows: 100, dim: 4", "fm");
const out = (name: string) => join(folder, name);

beforeAll(async () => {
  writeFileSync(data, events.map((event) => `${JSON.stringify(event)}\n`).join(""));
  for (const model of [lr, hashed, fm]) await train({ model, data, out: out(model.name), threads: 1 });
});

const names = (rows: readonly { readonly names?: readonly string[] }[]) => rows.flatMap(({ names }) => names ?? []);

describe("inspect --heaviest --names", () => {
  it("names the features of the largest and smallest weights: values, items, crosses, buckets and the bias", async () => {
    const { tables } = await inspect({ checkpoint: out("lr"), heaviest: 200, names: data });
    const heaviest = tables[0].heaviest!;
    const weights = heaviest.map(({ weight }) => weight);
    const positive = weights.filter((weight) => weight > 0);
    expect(positive).toEqual([...positive].sort((a, b) => b - a));
    expect(weights.slice(positive.length)).toEqual(weights.slice(positive.length).sort((a, b) => a - b));
    expect(tables[0].top).toEqual([]);
    const all = new Set(names(heaviest));
    for (const name of ["user=u0 × item=a0", "tags=t1", "tags=11", "price below 1", "user=u1 × price from 5", "(bias)"])
      expect(all, name).toContain(name);
    expect(heaviest.every(({ names }) => names!.length === 1)).toBe(true);
    const cross = heaviest.find(({ names }) => names![0] === "user=u0 × item=a0")!;
    expect(cross.key).toBe(keysOf(lr, "user_x_item", ["u0", "a0"])[0].key);
    expect(cross.weight).toBeGreaterThan(0);
  });

  it("a row shared by several ids shows at most three names, the most frequent first", async () => {
    const { tables } = await inspect({ checkpoint: out("hashed"), heaviest: 5, names: data });
    const [row] = tables[0].heaviest!;
    expect(row.names).toHaveLength(3);
  });

  it("a row whose id does not occur in the events has no name, and the text says so", async () => {
    const few = join(folder, "few.json");
    writeFileSync(few, `${JSON.stringify({ user: "u0", item: "a\\u001b[31m0" })}\n`);
    const { stdout } = await run(["inspect", "--checkpoint", out("lr"), "--heaviest", "300", "--names", few]);
    expect(stdout).toMatch(/user=u0\n/);
    expect(stdout).toMatch(/\(not found in these events\)/);
    expect(stdout).not.toContain("\u001b");
  });

  it("requires a table with one weight per row", async () => {
    const asked = inspect({ checkpoint: out("fm"), heaviest: 5 });
    await expect(asked).rejects.toMatchObject({ code: "usage", message: expect.stringMatching(/ids has dim \d/) });
  });
});

describe("inspect --field --value", () => {
  it("prints only that id", async () => {
    const { stdout } = await run(["inspect", "--checkpoint", out("fm"), "--field", "item", "--value", "a3"]);
    expect(stdout).toMatch(/^item=a3 in table ids: key [0-9a-f]{16}, row \d+ {2}\[.*\]\n$/);
    const never = await run(["inspect", "--checkpoint", out("fm"), "--field", "item", "--value", "none"]);
    expect(never.stdout).toMatch(/^item=none in table ids: key [0-9a-f]{16} {2}never learned\n$/);
  });

  it("with --top and --names shows the names of similar ids", async () => {
    const options = { checkpoint: out("fm"), field: "item", value: ["a3"], top: 4, names: data };
    const [{ top }] = (await inspect(options)).tables;
    expect(top[0]).toMatchObject({ names: ["item=a3"], similarity: expect.closeTo(1, 5) });
    expect(names(top)).toHaveLength(4);
  });
});
