import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import type { HashbrookError } from "../../src/core/errors.js";
import { loadSpec } from "../../src/spec/parse.js";

it("a missing spec is reported with the folder of the shipped specs, from any working directory", () => {
  let hint = "";
  try {
    loadSpec("nowhere/ads-demo.yaml");
  } catch (error) {
    hint = (error as HashbrookError).hint!;
  }
  expect(existsSync(join(hint.replace("check the path; the shipped specs are in ", ""), "ads-demo.yaml"))).toBe(true);
});
