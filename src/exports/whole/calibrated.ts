import type { Calibrator } from "../../calibration/calibrator.js";
import { curvesIn } from "../../calibration/curve.js";
import type { OnnxNodes } from "../../graph/onnx-nodes.js";
import type { CompiledSpec } from "../../spec/compiled.js";
import { keyColumn } from "../../spec/key-column.js";
import { search } from "./rows.js";

/**
 * Nodes for calibrated logits: src/calibration/curve.ts in ONNX operators, in f64, with each row on the curve of its
 * slice.
 * @param logits f32 [B, 1]
 * @returns f32 [B, 1]
 */
export function calibratedLogits(nodes: OnnxNodes, spec: CompiledSpec, calibrator: Calibrator, logits: string): string {
  const state = calibrator.snapshot();
  const curves = curvesIn(state);
  const { method, by } = spec.calibration!;
  const rows = nodes.make("Shape", [logits], { start: 0, end: 1 });
  const slice =
    by === undefined ? nodes.make("Expand", [nodes.integers(0), rows]) : sliceOf(nodes, spec, by, state.keys);
  const x = nodes.cast(logits, "f64");
  return nodes.cast(method === "platt" ? onLines(nodes, curves, slice, x) : onKnots(nodes, curves, slice, x), "f32");
}

/** i64 [B]: the number of each row's curve; 0 is that of all events. */
function sliceOf(nodes: OnnxNodes, spec: CompiledSpec, field: string, keys: BigUint64Array): string {
  const { table, cell } = keyColumn(spec, field);
  const input = `keys_${spec.tables[table].name}`;
  const key = nodes.make("Reshape", [
    nodes.make("Gather", [input, nodes.integers(cell)], { axis: 1 }),
    nodes.integers(-1),
  ]);
  if (keys.length === 0) return nodes.make("Sub", [key, key]);
  const sorted = Array.from(keys, (one, i) => ({ key: BigInt.asIntN(64, one), slice: i + 1 }));
  sorted.sort((a, b) => Number(a.key > b.key) - Number(a.key < b.key));
  const index = nodes.constant(BigInt64Array.from(sorted, (one) => one.key));
  const place = search(nodes, index, sorted.length, key);
  const found = nodes.make("Equal", [nodes.make("Gather", [index, place]), key]);
  const numbers = nodes.integers(...sorted.map((one) => one.slice));
  return nodes.make("Where", [found, nodes.make("Gather", [numbers, place]), nodes.integers(0)]);
}

type Curves = readonly Float32Array[];

/** a·x + b. */
function onLines(nodes: OnnxNodes, curves: Curves, slice: string, x: string): string {
  const [a, b] = [1, 0].map((none, i) => {
    const all = Float64Array.from(curves, (curve) => curve[i] ?? none);
    return nodes.make("Gather", [nodes.constant(all, [curves.length, 1]), slice]);
  });
  return nodes.make("Add", [nodes.make("Mul", [a, x]), b]);
}

/** Linear between two knots, slope 1 outside. A curve without knots has one at 0. */
function onKnots(nodes: OnnxNodes, curves: Curves, slice: string, x: string): string {
  const filled = curves.map((curve) => (curve.length > 0 ? curve : Float32Array.of(0, 0)));
  const most = Math.max(...filled.map((curve) => curve.length / 2));
  const coordinates = (which: 0 | 1, behind: number) => {
    const all = filled.flatMap((curve) => Array.from({ length: most }, (_, k) => curve[2 * k + which] ?? behind));
    return nodes.make("Gather", [nodes.constant(Float64Array.from(all), [filled.length, most]), slice]);
  };
  const xs = coordinates(0, Number.POSITIVE_INFINITY);
  const ys = coordinates(1, 0);
  const last = nodes.make("Gather", [
    nodes.constant(
      BigInt64Array.from(filled, ({ length }) => BigInt(length / 2 - 1)),
      [filled.length, 1],
    ),
    slice,
  ]);
  const below = nodes.cast(nodes.make("LessOrEqual", [xs, x]), "i64");
  const count = nodes.make("ReduceSum", [below, nodes.integers(1)], { keepdims: 1 });
  const zero = nodes.integers(0);
  const one = nodes.integers(1);
  const before = nodes.make("Min", [nodes.make("Sub", [count, one]), nodes.make("Sub", [last, one])]);
  const low = nodes.make("Max", [before, zero]);
  const high = nodes.make("Min", [nodes.make("Add", [low, one]), last]);
  const first = nodes.make("Sub", [low, low]);
  const at = (of: string, place: string) => nodes.make("GatherElements", [of, place], { axis: 1 });
  const moved = (place: string) => nodes.make("Add", [x, nodes.make("Sub", [at(ys, place), at(xs, place)])]);
  const rise = nodes.make("Mul", [nodes.make("Sub", [at(ys, high), at(ys, low)]), nodes.make("Sub", [x, at(xs, low)])]);
  const between = nodes.make("Add", [
    at(ys, low),
    nodes.make("Div", [rise, nodes.make("Sub", [at(xs, high), at(xs, low)])]),
  ]);
  const above = nodes.make("Where", [nodes.make("GreaterOrEqual", [x, at(xs, last)]), moved(last), between]);
  return nodes.make("Where", [nodes.make("LessOrEqual", [x, at(xs, first)]), moved(first), above]);
}
