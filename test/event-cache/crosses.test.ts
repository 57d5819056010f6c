import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { batchLayout } from "../../src/core/batch.js";
import { EventCache } from "../../src/event-cache/cache.js";
import { codecs, columnsOf, sectionAt } from "../../src/event-cache/columns.js";
import { inputsOfCache } from "../../src/event-cache/inputs.js";
import { makeCache } from "../../src/event-cache/make.js";
import { inputsFor } from "../../src/sources/source.js";
import { loadSpec, parseSpec } from "../../src/spec/parse.js";
import { ofCache, ofText, wholeRun } from "./contents.js";

const folder = mkdtempSync(join(tmpdir(), "cache-"));
const names = ["user", "item", "place", "hour"];
const spec = parseSpec(
  `
name: crosses
events: { format: tsv, columns: [label, ${names}] }
fields:
  - { name: user, type: categorical, table: ids }
  - { name: item, type: categorical }
  - { name: place, type: categorical, table: more }
  - { name: hour, type: categorical, table: ids }
  - { name: user_item, type: cross, of: [user, item], table: ids }
  - { name: item_user, type: cross, of: [item, user], table: more }
  - { name: place_hour, type: cross, of: [place, hour], table: more }
  - { name: user_place_hour, type: cross, of: [user, place, hour], table: ids }
  - { name: all, type: cross, of: [hour, place, item, user], table: more }
tables: { ids: { encoding: hash, rows: 1000, salt: field }, more: { encoding: hash, rows: 1000 } }
tower: deep_crossing
`,
  "crosses.yaml",
);

/** Events whose users change with every row; some values are missing. */
function events(rows: number): string {
  const line = (r: number) => [
    r % 2,
    `u${r}`,
    r % 41 === 7 ? "" : `i${(r * r) % 997}`,
    `p${r % 3}`,
    `${(r >> 3) % 24}`,
  ];
  const path = join(folder, `${rows}.tsv`);
  writeFileSync(path, Array.from({ length: rows }, (_, r) => `${line(r).join("\t")}\n`).join(""));
  return path;
}

/** The crosses that the first block of a cache does not store. */
function leftOut(directory: string): string[] {
  const bytes = readFileSync(join(directory, "events"));
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const stored = columnsOf(spec, batchLayout(spec, 300)).map(({ width }) => {
    const { codec, end } = sectionAt(view, at, width);
    at = end;
    return codec;
  });
  const fields = spec.tables.flatMap(({ cells }) => cells.map(({ field }) => field));
  return fields.filter((_, i) => stored.slice(-fields.length)[i] === codecs.cross);
}

it.each([1, 64, 100, 333])(
  "crosses that are not stored have the keys of the text, in batches of %i",
  async (capacity) => {
    const rows = 1000;
    const data = events(rows);
    const at = join(folder, `${capacity}`);
    await makeCache(spec, inputsFor([data]), at, { kept: [], blockRows: 300 });
    const cache = new EventCache(at);
    const text = await ofText(spec, [data], capacity, undefined, wholeRun);
    expect(await ofCache(spec, inputsOfCache(cache), capacity, undefined, wholeRun)).toEqual(text);
    const { position } = text.batches[text.batches.length >> 1];
    const rest = { ...wholeRun, start: { epoch: 0, ...position } };
    const [learned, cached] = [
      await ofText(spec, [data], capacity, undefined, rest),
      await ofCache(spec, inputsOfCache(cache), capacity, undefined, rest),
    ];
    expect(cached.batches).toEqual(learned.batches);
    expect(leftOut(at)).toEqual(["user_item", "user_place_hour", "item_user", "all"]);
  },
);

it("a cache of the first format, which stores all crosses, is read: upgrades need not make it again", async () => {
  const earlier = "test/fixtures/earlier/cache";
  const rows = Array.from({ length: 200 }, (_, r) => `${r % 2}\tu${(r * 7) % 61}\ti${(r * r) % 53}\tp${r % 3}\n`);
  const data = join(folder, "earlier.tsv");
  writeFileSync(data, rows.join(""));
  const model = loadSpec(`${earlier}.yaml`);
  const cache = new EventCache(earlier);
  expect(cache.manifest.version).toBe(1);
  const text = await ofText(model, [data], 64, undefined, wholeRun);
  expect(await ofCache(model, inputsOfCache(cache), 64, undefined, wholeRun)).toEqual(text);
});
