import { spawnSync } from "node:child_process";
import { cpSync, existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect, it } from "vitest";
import { builtFile } from "../../src/core/built-file.js";
import { temporary } from "../e2e/hashbrook.js";

it("a file of the build is in the package's folder", () => {
  expect(existsSync(builtFile("kernels/code.wasm"))).toBe(true);
});

it("reports a missing package.json above the module: it searched forever", () => {
  const module = join(temporary(), "built-file.mjs");
  cpSync("dist/core/built-file.js", module);
  const call = `(await import(${JSON.stringify(pathToFileURL(module).href)})).builtFile("x")`;
  const { status, stderr } = spawnSync(process.execPath, ["--input-type=module", "-e", call], { timeout: 20_000 });
  expect(String(stderr)).toContain("no package.json above");
  expect(status).toBe(1);
});

it("the shipped specs' path is absolute outside the package, no chain of ../../..", () => {
  const module = pathToFileURL(join(process.cwd(), "dist/core/built-file.js")).href;
  const call = `process.stdout.write((await import(${JSON.stringify(module)})).shippedSpecs())`;
  const from = (cwd: string) =>
    spawnSync(process.execPath, ["--input-type=module", "-e", call], { cwd, encoding: "utf8", timeout: 20_000 }).stdout;
  expect(from(temporary())).toBe(`${join(process.cwd(), "features")}/`);
  expect(from(process.cwd())).toBe("features/");
});
