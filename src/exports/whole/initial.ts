import type { OnnxNodes } from "../../graph/onnx-nodes.js";

interface Drawing {
  readonly seed: bigint;
  /** Bound of the weights' magnitude. */
  readonly init: number;
  /** Floats that are drawn; the rest, behind them, is 0. */
  readonly drawn: number;
  readonly floats: number;
}

const GOLDEN = 0x9e3779b97f4a7c15n;
const HALF_STEP = 2 ** -24;

/**
 * Nodes for the weights of keys that were never learned: src/kernels/assembly/table/initial.ts in ONNX operators.
 * @returns a function from keys, i64 [n], to their weights, f32 [n, floats]
 */
export function drawWeights(nodes: OnnxNodes, { seed, init, drawn, floats }: Drawing): (keys: string) => string {
  const signed = (value: bigint) => BigInt.asIntN(64, value);
  const one = (value: bigint) => nodes.constant(BigInt64Array.of(signed(value)));
  if (init === 0) {
    const zeros = nodes.constant(new Float32Array(floats), [1, floats]);
    return () => zeros;
  }
  const steps = nodes.constant(BigInt64Array.from({ length: floats }, (_, i) => signed(GOLDEN * BigInt(i + 1))));
  const scales = nodes.constant(Float32Array.from({ length: floats }, (_, i) => (i < drawn ? init : 0)));
  const start = one(seed);
  const first = one(0xbf58476d1ce4e5b9n);
  const second = one(0x94d049bb133111ebn);
  // ONNX shifts only unsigned numbers, and adds and multiplies only signed ones; both wrap around.
  const shift = (x: string, bits: bigint) => {
    const by = nodes.constant(BigUint64Array.of(bits));
    return nodes.cast(nodes.make("BitShift", [nodes.cast(x, "u64"), by], { direction: "RIGHT" }), "i64");
  };
  const mixed = (x: string, bits: bigint) => nodes.make("BitwiseXor", [x, shift(x, bits)]);
  return (keys) => {
    const from = nodes.make("Unsqueeze", [nodes.make("BitwiseXor", [keys, start]), nodes.integers(1)]);
    const a = nodes.make("Mul", [mixed(nodes.make("Add", [from, steps]), 30n), first]);
    const u = shift(mixed(nodes.make("Mul", [mixed(a, 27n), second]), 31n), 40n);
    const odd = nodes.make("Add", [nodes.make("Add", [u, u]), nodes.integers(1 - 2 ** 24)]);
    const unit = nodes.make("Mul", [nodes.cast(odd, "f32"), nodes.constant(Float32Array.of(HALF_STEP))]);
    return nodes.make("Mul", [unit, scales]);
  };
}
