import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { train } from "../../../src/train/train.js";

const folder = mkdtempSync(join(tmpdir(), "hashbrook-test-"));

/** The table's distinct ids after 2000 events whose two fields have the same 1000 values. */
async function distinctOf(salt: string): Promise<number> {
  const model = join(folder, `${salt}.yaml`);
  writeFileSync(
    model,
    `name: ${salt}
events: { format: tsv, columns: [label, item, seen] }
fields:
  - { name: item, type: categorical, table: items }
  - { name: seen, type: categorical, table: items }
tables: { items: { salt: ${salt} } }
tower: lr
`,
  );
  const data = join(folder, "events.tsv");
  const events = Array.from({ length: 2000 }, (_, i) => `${i & 1}\t${i % 1000}\t${(i + 500) % 1000}\n`);
  writeFileSync(data, events.join(""));
  const { tables } = await train({ model, data, out: join(folder, salt) });
  expect(tables[0].rows).toBe(salt === "table" ? 1001 : 2001); // and the bias
  return tables[0].distinct;
}

test("a table whose fields share keys has as many distinct ids as rows, not those of each field added up", async () => {
  expect(Math.abs((await distinctOf("table")) - 1000)).toBeLessThan(50);
  expect(Math.abs((await distinctOf("field")) - 2000)).toBeLessThan(100);
});
