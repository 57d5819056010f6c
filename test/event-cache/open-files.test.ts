import { mkdtempSync, readdirSync, readlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { batchLayout } from "../../src/core/batch.js";
import { EventCache } from "../../src/event-cache/cache.js";
import { CacheFeed } from "../../src/event-cache/feed.js";
import { inputsOfCache } from "../../src/event-cache/inputs.js";
import { makeCache } from "../../src/event-cache/make.js";
import { ColumnMemory } from "../../src/kernels/column.js";
import { inputsFor } from "../../src/sources/source.js";
import { parseSpec } from "../../src/spec/parse.js";

const folder = mkdtempSync(join(tmpdir(), "cache-"));
const specOf = (field: string) =>
  parseSpec(
    `
name: m
events: { format: json }
label: { from: label }
fields: [{ name: ${field}, type: categorical, table: t }]
tables: { t: { encoding: exact } }
tower: lr
`,
    "m.yaml",
  );

/** Names of this process's open files below the folder. */
const open = () =>
  readdirSync("/proc/self/fd").flatMap((fd) => {
    try {
      const name = readlinkSync(`/proc/self/fd/${fd}`);
      return name.startsWith(folder) ? [name] : [];
    } catch {
      return [];
    }
  });

function data(name: string): string {
  const path = join(folder, name);
  writeFileSync(path, Array.from({ length: 50 }, (_, i) => `{"label": ${i % 2}, "a": ${i}, "b": 1}\n`).join(""));
  return path;
}

it("a cache whose making is stopped or fails leaves no data file open", async () => {
  const [inputs, signal] = [inputsFor([data("events.jsonl")]), AbortSignal.abort()];
  expect(await makeCache(specOf("a"), inputs, join(folder, "stopped"), { kept: [], signal })).toBeNull();
  expect(open()).toEqual([]);
  const onProgress = () => {
    throw new Error("its caller's");
  };
  await expect(makeCache(specOf("a"), inputs, join(folder, "failed"), { kept: [], onProgress })).rejects.toThrow();
  expect(open()).toEqual([]);
});

it("caches of which one is for another spec are not left open", async () => {
  const caches = await Promise.all(
    ["a", "b"].map(async (field) => {
      const directory = join(folder, `of-${field}`);
      await makeCache(specOf(field), inputsFor([data(`${field}.jsonl`)]), directory, { kept: [] });
      return new EventCache(directory);
    }),
  );
  const spec = specOf("a");
  const before = open();
  const [layout, memory] = [batchLayout(spec, 8), new ColumnMemory({ shared: true })];
  const room = () => ({ buffer: memory.memory.buffer, base: 0 });
  const inputs = caches.flatMap((cache) => inputsOfCache(cache));
  expect(() => new CacheFeed(inputs, { spec, layout, memory, room })).toThrow("of-b");
  expect(open()).toEqual(before);
});
