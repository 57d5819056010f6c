import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readSafetensorsLayout } from "../../src/checkpoints/safetensors.js";
import { CheckpointStore } from "../../src/checkpoints/store.js";
import { nodeFiles, withFile } from "../../src/core/files.js";
import { exportTable } from "../../src/exports/export-files.js";
import { pythonHas, runPython } from "../python.js";
import { content, temporaryDirectory } from "./samples.js";

const run = (script: string, ...args: string[]): string => runPython(["-c", script, ...args]);

describe.skipIf(!pythonHas("safetensors", "numpy", "xxhash"))("Python", () => {
  it("reads a checkpoint with the example of docs/FORMATS.md", () => {
    const { path } = new CheckpointStore(temporaryDirectory()).save(1, content(1));
    const example = /```python\n([\s\S]*?)```/.exec(readFileSync("docs/FORMATS.md", "utf8"))![1];
    expect(run(example, path).trim().split("\n").sort()).toEqual([
      "dense/W0 float32 (2, 3)",
      "dense/b0 float64 ()",
      "metrics/auc uint64 (2,)",
      "metrics/none int32 (0, 4)",
      "table/ids/rows uint8 (3, 5)",
      "table/ids/sketch uint32 (2,)",
    ]);
  });

  it("finds the saved values and the checksums of the manifest", () => {
    const { path } = new CheckpointStore(temporaryDirectory()).save(1, content(1));
    const script = `
import json, sys, xxhash
from safetensors.numpy import load_file
manifest = json.load(open(sys.argv[1] + "/manifest.json"))
tensors = {}
for file in manifest["files"]:
    data = open(sys.argv[1] + "/" + file["name"], "rb").read()
    assert len(data) == file["bytes"] and xxhash.xxh64_hexdigest(data) == file["xxh64"], file["name"]
    tensors.update(load_file(sys.argv[1] + "/" + file["name"]))
    for block in file["blocks"]:
        data = tensors[block["name"]].tobytes()
        assert [xxhash.xxh64_hexdigest(data)] * (len(data) > 0) == block["chunks"], block["name"]
print(json.dumps({name: tensor.reshape(-1).tolist() for name, tensor in tensors.items()}))`;
    expect(JSON.parse(run(script, path).replace("9223372036854775808", '"2^63"'))).toEqual({
      "dense/W0": [1, -1.5, 0, Math.fround(1e-30), 3, Math.fround(1 / 7)],
      "dense/b0": [1.5],
      "metrics/auc": [1, "2^63"],
      "metrics/none": [],
      "table/ids/rows": [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14],
      "table/ids/sketch": [1, 7],
    });
  });

  it("reads exported tables, npy memory-mapped", () => {
    const directory = temporaryDirectory();
    const chunk = { keys: BigUint64Array.of(2n ** 64n - 1n, 3n), weights: Float32Array.of(1, 2, 3, 4, 5, 6.5) };
    exportTable(directory, { name: "ids", rows: 2, dim: 3, chunks: [chunk] });
    const script = `
import json, sys, numpy
from safetensors.numpy import load_file
tensors = load_file(sys.argv[1] + "/ids.safetensors")
for name in ["keys", "weights"]:
    array = numpy.load(f"{sys.argv[1]}/ids.{name}.npy", mmap_mode="r")
    assert array.dtype == tensors[name].dtype and (array == tensors[name]).all()
print(json.dumps([[hex(key) for key in tensors["keys"].tolist()], tensors["weights"].tolist()]))`;
    expect(JSON.parse(run(script, directory))).toEqual([
      ["0xffffffffffffffff", "0x3"],
      [
        [1, 2, 3],
        [4, 5, 6.5],
      ],
    ]);
  });

  it("writes a file that we can read", () => {
    const path = join(temporaryDirectory(), "checkpoint.safetensors");
    const script = `
import sys, numpy
from safetensors.numpy import save_file
save_file({"b": numpy.arange(6, dtype="float32").reshape(2, 3), "a": numpy.array([1], dtype="uint8")}, sys.argv[1], metadata={"x": "y"})`;
    run(script, path);
    const size = readFileSync(path).byteLength;
    const { tensors } = withFile(nodeFiles, path, "r", (file) => readSafetensorsLayout(nodeFiles, file, size, path));
    expect(tensors.map(({ name, dtype, shape }) => ({ name, dtype, shape }))).toEqual([
      { name: "b", dtype: "F32", shape: [2, 3] },
      { name: "a", dtype: "U8", shape: [1] },
    ]);
    writeFileSync(path, readFileSync(path).subarray(0, size - 1));
    const read = () => withFile(nodeFiles, path, "r", (file) => readSafetensorsLayout(nodeFiles, file, size - 1, path));
    expect(read).toThrow("its tensors end");
  });
});
