import { HashbrookError } from "../../core/errors.js";
import { vectorOf } from "../../fields/index.js";
import { Graph } from "../../graph/graph.js";
import { type Surroundings, toOnnx } from "../../graph/onnx.js";
import { OnnxNodes } from "../../graph/onnx-nodes.js";
import type { LoadedModel } from "../../model/load.js";
import { logitShift } from "../../model/logit-shift.js";
import { pooledBags } from "../../model/pooled-bags.js";
import { rewrittenOf } from "../../model/served-logits.js";
import { TowerModel } from "../../model/tower-model.js";
import { rowOf, towerOf } from "../../towers/index.js";
import { calibratedLogits } from "./calibrated.js";
import { Inputs, TableCells } from "./cells.js";
import { resolveNumbers } from "./numbers.js";
import { rowBytes, TableRows } from "./rows.js";

/** The parts of a loaded model that go into the file. */
export type WholeModel = Pick<LoadedModel, "model" | "spec" | "layout">;

/** Maximum size of a protobuf, and so of an ONNX file, with room left for what is not rows. */
const MOST_BYTES = 2 ** 31 - 2 ** 26;

const LEAST = 2 ** -126;
const MOST = 1 - 2 ** -24;

/** Description of how an event's text becomes the model's inputs, for the file's metadata. */
const KEYS =
  "XXH64 of a value's UTF-8 bytes, its seed the column's (16 hex digits in `inputs`), taken for a signed number; `hashbrook key` prints it. " +
  "Of a cross: of its parts' keys, 8 bytes each, least significant first; see docs/FORMATS.md.";
const VALUES =
  "weights_<bag>: 1 for an item without a weight of its own, 0 for padding; items behind the field's max_length are left out. " +
  "numbers: NaN where a value is missing; log1p and the like are applied before.";

/**
 * A model in one ONNX file: inputs are the fields' 64-bit hash keys, and raw numbers; outputs `logits`, `probability`
 * and, if the model has a calibrator, `calibrated`, all f32 [B, 1]. Keys that were never learned have the weights that
 * training would initialise them with.
 * @param identity texts stored in the file in addition to the description of its inputs
 * @throws HashbrookError usage if a table's rows are not found by a single key, or the file would be larger than ONNX
 *   files can be
 */
export function wholeOnnx(loaded: WholeModel, identity: Readonly<Record<string, string>>): Uint8Array {
  const { model, spec } = loaded;
  checkWhole(loaded);
  checkSize(loaded);
  const nodes = new OnnxNodes();
  const inputs = new Inputs(nodes);
  const numbers = numbersOf(loaded, nodes, inputs);
  const matrices = model.tables.map((table, t) => {
    const rows = new TableRows(nodes, table, rowOf(spec.tower.kind, spec.tables[t]).drawn);
    return new TableCells(nodes, inputs, rows, spec, spec.tables[t]).matrix(numbers);
  });
  const around = (feeds: readonly (readonly [string, string])[]) => ({
    metadata: { ...identity, ...describe(inputs, loaded) },
    surroundings: { nodes, feeds: new Map(feeds), after: () => addOutputs(nodes, loaded) } satisfies Surroundings,
  });
  if (model instanceof TowerModel) {
    const tables = spec.tables.map(
      ({ name, role }, t) => [role === "wide" ? "wide" : `x_${name}`, matrices[t].x] as const,
    );
    return model.onnx(around([["numbers", numbers], ...tables, ...othersOf(loaded, inputs)]));
  }
  const graph = eventGraph(loaded);
  const [rows, squares] = graph.inputs;
  const [{ x, squares: squared }] = matrices;
  const feeds: [string, string][] = [
    [rows.name, nodes.make("Reshape", [x, nodes.integers(-1, ...rows.shape.slice(1).map(Number))])],
  ];
  if (graph.live().includes(squares)) feeds.push([squares.name, squared()]);
  if (matrices.length > 1) feeds.push(["wide", matrices[1].x]);
  return toOnnx(graph, { initializers: new Map(), rewritten: rewrittenOf(spec), ...around(feeds) });
}

/** The file's description of its inputs and outputs. */
function describe(inputs: Inputs, { spec }: WholeModel): Record<string, string> {
  const facts = JSON.stringify(inputs.facts);
  const compiled = JSON.stringify(spec);
  const output = `probability = sigmoid(logits)${spec.calibration ? "; calibrated: the same of the logits on the calibrator's curve" : ""}`;
  return { output, inputs: facts, keys: KEYS, values: VALUES, spec: compiled };
}

/** The numbers as the tower reads them; "" if there are none. */
function numbersOf({ spec, model }: WholeModel, nodes: OnnxNodes, inputs: Inputs): string {
  const { numbers: fields } = spec;
  if (fields.length === 0) return "";
  const raw = inputs.of({ name: "numbers", dtype: "float32", shape: ["B", fields.length], fields });
  return resolveNumbers(nodes, raw, model.numbers, spec);
}

/** Inputs that go directly to the tower. */
function othersOf({ spec, layout: { vectorWidth } }: WholeModel, inputs: Inputs): [string, string][] {
  const given = (name: string, width: number, fields: readonly string[]): [string, string] => [
    name,
    inputs.of({ name, dtype: "float32", shape: ["B", width], fields }),
  ];
  const vectors = spec.fields.flatMap((field) => Array<string>(vectorOf(field)).fill(field.name));
  return [
    ...pooledBags(spec).map(({ over }) => given(`length_${over}`, 1, [over])),
    ...(vectorWidth > 0 ? [given("vectors", vectorWidth, vectors)] : []),
  ];
}

/** The logits of a model that learns event by event. */
function eventGraph({ spec, model }: WholeModel): Graph {
  const kind = towerOf(spec.tower.kind);
  if (kind.learns !== "events")
    throw new HashbrookError("internal", `tower.${spec.tower.kind}: has a graph of its own`);
  const floats = model.tables[0].stores[0].layout.dim;
  const graph = new Graph();
  const cells = graph.input("cells", ["B", spec.tables[0].cells.length, floats]);
  const squares = graph.input("squares", ["B", floats]);
  const own = kind.logits(graph, { cells, squares });
  const [, wide] = spec.tables;
  const logits = wide ? graph.add(own, graph.reduceSum(graph.input("wide", ["B", wide.cells.length]), [1], true)) : own;
  const shift = logitShift(spec);
  graph.output("logits", shift === 0 ? logits : graph.add(logits, graph.constant([1, 1], [shift])));
  return graph;
}

function addOutputs(nodes: OnnxNodes, { spec, model: { calibrator } }: WholeModel): void {
  addProbability(nodes, "logits", "probability");
  if (!calibrator) return;
  addProbability(nodes, calibratedLogits(nodes, spec, calibrator, "logits"), "calibrated");
}

/**
 * As src/kernels/assembly/metric/logistic.ts: in f64, rounded to f32 and kept inside (0, 1).
 * @param logits f32 [B, 1]
 */
function addProbability(nodes: OnnxNodes, logits: string, name: string): void {
  const one = nodes.constant(Float64Array.of(1));
  const power = nodes.make("Exp", [nodes.make("Neg", [nodes.cast(logits, "f64")])]);
  const p = nodes.cast(nodes.make("Div", [one, nodes.make("Add", [one, power])]), "f32");
  const bounds = [LEAST, MOST].map((bound) => nodes.constant(Float32Array.of(bound), []));
  nodes.write("Clip", [p, ...bounds], name);
  nodes.output(name, "f32", ["B", 1]);
}

/** Refuses nested vectors that are cut, which this export does not support. */
function checkWhole({ spec }: WholeModel): void {
  if (spec.tables.every(({ cells }) => cells.every(({ prefix }) => prefix === undefined))) return;
  throw new HashbrookError("usage", "--onnx whole: this model's vectors are cut to prefixes", {
    hint: "use --onnx tower, or --format scorer",
  });
}

function checkSize({ model }: WholeModel): void {
  const bytes = model.tables.reduce((sum, table) => sum + rowBytes(table), 0);
  if (bytes <= MOST_BYTES) return;
  const gib = (bytes / 2 ** 30).toFixed(1);
  throw new HashbrookError(
    "usage",
    `export: --onnx whole: the tables take ${gib} GiB, the limit of an ONNX file is 2`,
    {
      hint: "omit --onnx whole, to export the tower and the tables as separate files",
    },
  );
}
