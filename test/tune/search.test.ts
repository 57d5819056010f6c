import { expect, it } from "vitest";
import { Rng } from "../../src/core/rng.js";
import { SpecDocument } from "../../src/spec/document.js";
import { settingsAsCandidates } from "../../src/tune/candidates.js";
import type { RefusedSetting } from "../../src/tune/options.js";
import {
  dimension,
  dimensionsOf as distinctDimensions,
  gridOf,
  randomSettings,
  settingText,
  withSetting,
} from "../../src/tune/search.js";

const document = new SpecDocument(`# A shop.
name: shop
events: { format: tsv, columns: [label, user, item, tags] }
fields:
  - { name: user, type: categorical, table: users }
  - { name: item, type: categorical, table: items }
  - { name: tags, type: bag, table: items }
tables:
  users: &rows { dim: 8, optimizer: ftrl } # people
  items: *rows
tower: { deep_crossing: { residual: [8] } }
`);

const dimensionsOf = (...texts: string[]) => texts.map((text) => dimension(text, document));

it("parses lists and ranges, for one path or all that match a wildcard", () => {
  const [dim, alpha, length] = dimensionsOf(
    "tables.users.dim=4,8",
    "tables.*.optimizer.ftrl.alpha=0.01:1:log:3",
    "fields.tags.max_length=2:10:3",
  );
  expect(gridOf([dim, alpha]).map((setting) => settingText([dim, alpha], setting))).toEqual([
    "tables.users.dim=4 tables.*.optimizer.ftrl.alpha=0.01",
    "tables.users.dim=4 tables.*.optimizer.ftrl.alpha=0.1",
    "tables.users.dim=4 tables.*.optimizer.ftrl.alpha=1",
    "tables.users.dim=8 tables.*.optimizer.ftrl.alpha=0.01",
    "tables.users.dim=8 tables.*.optimizer.ftrl.alpha=0.1",
    "tables.users.dim=8 tables.*.optimizer.ftrl.alpha=1",
  ]);
  expect(gridOf([length])).toEqual([[2], [6], [10]]);
  const changed = withSetting(document, [dim, alpha, length], [4, 0.5, 6]);
  expect(changed.get(["tables"])).toEqual({
    users: { dim: 4, optimizer: { ftrl: { alpha: 0.5 } } },
    items: { dim: 8, optimizer: { ftrl: { alpha: 0.5 } } },
  });
  expect(changed.get(["fields", 2, "max_length"])).toBe(6);
  expect(changed.text()).toContain("# A shop.");
  expect(changed.text()).toContain("# people");
});

it("draws the same distinct settings for a seed, within the bounds", () => {
  const dimensions = dimensionsOf("tables.*.dim=2:32", "train.seed=1,2");
  const draw = (seed: number) => randomSettings(dimensions, 20, new Rng(seed));
  expect(draw(1)).toEqual(draw(1));
  expect(draw(1)).not.toEqual(draw(2));
  expect(new Set(draw(1).map(String)).size).toBe(20);
  for (const [dim] of draw(1) as number[][]) expect(dim >= 2 && dim <= 32 && Number.isInteger(dim)).toBe(true);
});

it.each([
  ["tables.user.dim=4", 'unknown table "user"', 'did you mean "users"? tables has users, items'],
  ["fields.prize.max_length=3", "the path does not exist", "fields has user, item, tags"],
  ["trian.batch=3", 'the spec has no "trian"', "the spec has name, events, fields, tables, tower"],
  ["tables.users.dim", "expected PATH=VALUES", "tables.ids.dim=4,8,16"],
  ["tables.users.dim=", "has no values", "4,8,16"],
  ["tables.users.dim=8:4", "FROM must be below TO", "0.05:1:log"],
  ["tables.users.dim=0:4:log", "FROM of a logarithmic range must be above 0", "0.05:1:log"],
  ["tables.users.dim=1:4:1", "FROM:TO", "five points"],
])("--set %s: %s", (text, message, hint) => {
  expect(() => dimension(text, document)).toThrow(
    expect.objectContaining({
      code: "usage",
      message: expect.stringContaining(message),
      hint: expect.stringContaining(hint),
    }),
  );
});

it("a width of layers could not be tried, being a list: lists and maps are JSON, and their commas separate no values", () => {
  const some = dimensionsOf(
    "tower.deep_crossing.residual=[8],[16,16]",
    'tables.users.optimizer=sgd,{"ftrl":{"alpha":1}}',
  );
  expect(gridOf([some[0]])).toEqual([[[8]], [[16, 16]]]);
  const all = settingsAsCandidates(document, some, gridOf(some));
  expect(all.map(({ name }) => name)).toContain(
    'tower.deep_crossing.residual=[16,16] tables.users.optimizer={"ftrl":{"alpha":1}}',
  );
  expect(new Set(all.map(({ name }) => name)).size).toBe(4);
  expect(() => dimensionsOf("tower.deep_crossing.residual=[8")).toThrow(/is not JSON/);
});

it("a path that was given twice lost the values of the first, under its name: it is refused", () => {
  expect(() => distinctDimensions(["tables.users.dim=4,8", "tables.users.dim=16"], document)).toThrow(
    expect.objectContaining({ code: "usage", message: "--set tables.users.dim: is given twice" }),
  );
});

it("refuses a name in place of another kind, and a grid that is too large", () => {
  const [rate] = dimensionsOf("tables.users.optimizer.adagrad.learning_rate=0.1");
  expect(() => withSetting(document, [rate], [0.1])).toThrow(/tables\.users\.optimizer is "ftrl"/);
  expect(() => gridOf(dimensionsOf("tables.users.dim=1:40:40", "tables.items.dim=1:40:40"))).toThrow(
    /1,600 combinations/,
  );
});

it("tells of settings that the spec compiler refuses, which were left out in silence, and reports why if none is left", () => {
  const some = dimensionsOf("tables.users.dim=0,4");
  const refused: RefusedSetting[] = [];
  const left = settingsAsCandidates(document, some, gridOf(some), (one) => refused.push(one));
  expect(left.map(({ name }) => name)).toEqual(["tables.users.dim=4"]);
  expect(refused).toEqual([{ name: "tables.users.dim=0", error: expect.stringMatching(/tables\.users\.dim: /) }]);
  const none = dimensionsOf("tables.users.dim=0");
  expect(() => settingsAsCandidates(document, none, gridOf(none))).toThrow(
    expect.objectContaining({ code: "spec_invalid" }),
  );
});

it("accepts underscores in the numbers of a range, as in those of a list", () => {
  const [list, range] = dimensionsOf("train.batch=1_024,2_048", "train.batch=1_024:4_096:2");
  expect(gridOf([list])).toEqual([[1024], [2048]]);
  expect(gridOf([range])).toEqual([[1024], [4096]]);
});
