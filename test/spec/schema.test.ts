import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { schemaJson, specSchema } from "../../src/spec/schema.js";
import type { Shape } from "../../src/spec/shape.js";

const file = new URL("../../features/schema.json", import.meta.url);

test("features/schema.json is up to date (npm run build && node scripts/schema.mjs writes it)", () => {
  expect(readFileSync(file, "utf8")).toBe(schemaJson());
});

test("every property has a description", () => {
  const silent: string[] = [];
  const visit = (shape: Shape, path: string): void => {
    for (const [name, inner] of Object.entries(shape.properties ?? {})) {
      if (inner.description === undefined && inner.const === undefined) silent.push(`${path}.${name}`);
      visit(inner, `${path}.${name}`);
    }
    for (const inner of [
      ...(shape.anyOf ?? []),
      ...Object.values(shape.patternProperties ?? {}),
      ...(shape.items ? [shape.items] : []),
    ]) {
      visit(inner, path);
    }
  };
  visit(specSchema as unknown as Shape, "spec");
  expect(silent).toEqual([]);
});
