import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { HashbrookError } from "../../src/core/errors.js";
import { loadSpec } from "../../src/spec/parse.js";

it("a spec that is not there is told with the folder of the shipped ones, wherever one stands", () => {
  let hint = "";
  try {
    loadSpec("nowhere/ads-demo.yaml");
  } catch (error) {
    hint = (error as HashbrookError).hint!;
  }
  expect(existsSync(join(hint.replace("the shipped specs are in ", ""), "ads-demo.yaml"))).toBe(true);
});
