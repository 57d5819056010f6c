import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { AtomicFile, writeFileAtomically } from "../../src/core/atomic-file.js";
import { nodeFiles } from "../../src/core/files.js";
import { temporaryDirectory } from "../checkpoints/samples.js";
import { leftName } from "./left-name.js";

it("two writers of one path wrote into one temporary file, and the second could not rename it", () => {
  const path = join(temporaryDirectory(), "model.onnx");
  const [first, second] = [new AtomicFile(nodeFiles, path), new AtomicFile(nodeFiles, path)];
  first.write(Buffer.from("the first"), 0);
  second.write(Buffer.from("2nd"), 0);
  for (const [writer, content] of [
    [first, "the first"],
    [second, "2nd"],
  ] as const) {
    writer.finish();
    writer.publish();
    expect(readFileSync(path, "utf8")).toBe(content);
  }
  expect(readdirSync(join(path, ".."))).toEqual(["model.onnx"]);
});

it("what a killed writer has left of a path stayed until the path was written again under the same name", () => {
  const folder = temporaryDirectory();
  for (const name of ["report.json", "other.json"]) writeFileSync(join(folder, leftName(folder, name)), "half");
  writeFileAtomically(nodeFiles, join(folder, "report.json"), Buffer.from("{}"));
  expect(readdirSync(folder)).toEqual([leftName(folder, "other.json"), "report.json"]);
});
