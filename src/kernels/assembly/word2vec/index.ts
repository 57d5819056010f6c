// word2vec (Mikolov et al. 2013): skip-gram and CBOW with negative sampling over sequences of numbered ids. An input
// vector's targets are learned six at a time: their gradients use the weights from before any of the six changed, and a
// row may occur twice among them.
import { probability } from "../metric/logistic";
import { sumLanes } from "../table/lanes";

/** Marks the end of a sequence. */
const END: u32 = 0xffffffff;
/** Number of targets whose products are computed together. */
const TOGETHER: u32 = 6;
/** The logistic function is interpolated between this many points per unit, and is 0 or 1 beyond ±REACH. */
const PLACES: f32 = 256;
const REACH: f32 = 10;

/** Address of the first free byte. */
export const heapAt: usize = (__heap_base + 63) & ~63;

let rows: u32 = 0;
let rowBytes: usize = 0;
/** f32[rows][lanes]: input vectors of ids (as context), and output vectors (as targets). */
let inputs: usize = 0;
let outputs: usize = 0;
/** {u32 probability of the cell's own id, u32 the other id} per cell (Walker's alias method). */
let alias: usize = 0;
/** u32 per id: probability, in units of 2^-32, of staying in a sequence; 0xffffffff: always. */
let keep: usize = 0;
let logistic: usize = 0;
/** A row of zeros, for padding the targets. */
let nothing: usize = 0;
let sum: usize = 0;
let moves: usize = 0;
/** u32[1 + negatives, padded]: addresses of the targets; f32: their steps. */
let targets: usize = 0;
let steps: usize = 0;
let sequence: usize = 0;

let window: u32 = 5;
let negatives: u32 = 5;
let averages: bool = false;
let state: u64 = 0;

/** Number of bytes needed from `heapAt` on. */
export function bytesFor(ids: u32, dim: u32, negative: u32, longest: u32): f64 {
  const row = <f64>((dim + 3) & ~3) * 4;
  return (
    2 * <f64>ids * row +
    12 * <f64>ids +
    <f64>REACH * <f64>PLACES * 8 +
    64 +
    3 * row +
    8 * (<f64>negative + <f64>(1 + TOGETHER)) +
    4 * <f64>longest +
    640
  );
}

/** Lays out the memory, which the host has grown. Vectors are zeros. */
export function open(ids: u32, dim: u32, contexts: u32, negative: u32, cbow: u32): void {
  rows = ids;
  rowBytes = (<usize>((dim + 3) & ~3)) << 2;
  window = contexts;
  negatives = negative;
  averages = cbow != 0;
  inputs = heapAt;
  outputs = aligned(inputs + <usize>rows * rowBytes);
  alias = aligned(outputs + <usize>rows * rowBytes);
  keep = aligned(alias + ((<usize>rows) << 3));
  logistic = aligned(keep + ((<usize>rows) << 2));
  const places = <u32>(REACH * PLACES) * 2 + 2;
  nothing = aligned(logistic + ((<usize>places) << 2));
  sum = nothing + rowBytes;
  moves = sum + rowBytes;
  targets = aligned(moves + rowBytes);
  steps = targets + ((<usize>(negatives + 1 + TOGETHER)) << 2);
  sequence = aligned(steps + ((<usize>(negatives + 1 + TOGETHER)) << 2));
  for (let i: u32 = 0; i < places; i++) {
    const x = <f64>i / <f64>PLACES - <f64>REACH;
    store<f32>(logistic + ((<usize>i) << 2), <f32>probability(x, NativeMath.exp(-abs(x))));
  }
}

function aligned(at: usize): usize {
  return (at + 63) & ~63;
}

export function inputsAt(): usize {
  return inputs;
}

export function outputsAt(): usize {
  return outputs;
}

export function aliasAt(): usize {
  return alias;
}

export function keepAt(): usize {
  return keep;
}

/** Address of the input of `train`: ids, each sequence ended by 0xffffffff. */
export function idsAt(): usize {
  return sequence;
}

export function power(x: f64, y: f64): f64 {
  return NativeMath.pow(x, y);
}

/**
 * Learns `count` ids (and ends of sequences) at `idsAt` with learning rate alpha.
 * @returns ids left after subsampling
 */
export function train(count: u32, seed: u64, alpha: f32): u32 {
  state = seed;
  let learned: u32 = 0;
  let from: u32 = 0;
  let length: u32 = 0;
  // The rest of a sequence after subsampling is compacted in place.
  for (let i: u32 = 0; i < count; i++) {
    const id = load<u32>(sequence + ((<usize>i) << 2));
    if (id != END) {
      if (!stays(id)) continue;
      store<u32>(sequence + ((<usize>(from + length)) << 2), id);
      length++;
      continue;
    }
    learnSequence(sequence + ((<usize>from) << 2), length, alpha);
    learned += length;
    from = i + 1;
    length = 0;
  }
  return learned;
}

@inline
function draw(): u32 {
  state = state * 6364136223846793005 + 1442695040888963407;
  return <u32>(state >> 32);
}

@inline
function below(count: u32): u32 {
  return <u32>((<u64>draw() * count) >> 32);
}

@inline
function stays(id: u32): bool {
  const chance = load<u32>(keep + ((<usize>id) << 2));
  return chance == END || draw() < chance;
}

function learnSequence(ids: usize, length: u32, alpha: f32): void {
  for (let at: u32 = 0; at < length; at++) {
    const reach: u32 = below(window) + 1;
    const first: u32 = at > reach ? at - reach : 0;
    const last = min(length - 1, at + reach);
    if (first == last) continue;
    const word = load<u32>(ids + ((<usize>at) << 2));
    if (averages) learnMean(ids, word, at, first, last, alpha);
    else for (let c = first; c <= last; c++) if (c != at) learnPair(load<u32>(ids + ((<usize>c) << 2)), word, alpha);
  }
}

/** Skip-gram: the vector of each context id learns to distinguish the word from sampled ids. */
@inline
function learnPair(context: u32, word: u32, alpha: f32): void {
  const input = inputs + <usize>context * rowBytes;
  learnTargets(input, word, alpha);
  addTo(input);
}

/** CBOW: the mean of all context vectors learns it; each of them takes the whole step, as in word2vec.c. */
function learnMean(ids: usize, word: u32, at: u32, first: u32, last: u32, alpha: f32): void {
  memory.fill(sum, 0, rowBytes);
  const share = f32x4.splat(1 / <f32>(last - first));
  for (let c = first; c <= last; c++) {
    if (c == at) continue;
    const row = inputs + <usize>load<u32>(ids + ((<usize>c) << 2)) * rowBytes;
    for (let i: usize = 0; i < rowBytes; i += 16)
      v128.store(sum + i, f32x4.add(v128.load(sum + i), f32x4.mul(share, v128.load(row + i))));
  }
  learnTargets(sum, word, alpha);
  for (let c = first; c <= last; c++) if (c != at) addTo(inputs + <usize>load<u32>(ids + ((<usize>c) << 2)) * rowBytes);
}

@inline
function addTo(row: usize): void {
  for (let i: usize = 0; i < rowBytes; i += 16)
    v128.store(row + i, f32x4.add(v128.load(row + i), v128.load(moves + i)));
}

/** Updates the output vectors of the word and of sampled ids; the input's update is left in `moves`. */
function learnTargets(input: usize, word: u32, alpha: f32): void {
  const count = drawTargets(word);
  memory.fill(moves, 0, rowBytes);
  for (let t: u32 = 0; t < count; t += TOGETHER) {
    const o = targets + ((<usize>t) << 2);
    const g = steps + ((<usize>t) << 2);
    stepsOf(input, o, g, t == 0 ? 1 : 0, alpha);
    moveAll(input, o, g);
  }
}

/** @returns the number of targets, in whole groups: unused places have the row of zeros */
function drawTargets(word: u32): u32 {
  store<u32>(targets, <u32>(outputs + <usize>word * rowBytes));
  let count: u32 = 1;
  for (let n: u32 = 0; n < negatives; n++) {
    const place = alias + ((<usize>below(rows)) << 3);
    const id = draw() < load<u32>(place) ? <u32>((place - alias) >> 3) : load<u32>(place + 4);
    if (id == word) continue;
    store<u32>(targets + ((<usize>count) << 2), <u32>(outputs + <usize>id * rowBytes));
    count++;
  }
  for (; count % TOGETHER != 0; count++) store<u32>(targets + ((<usize>count) << 2), <u32>nothing);
  return count;
}

/** alpha (label - logistic(input · target)) for six targets; only the first of the first six has the label 1. */
@inline
function stepsOf(input: usize, o: usize, g: usize, positive: u32, alpha: f32): void {
  const o0 = <usize>load<u32>(o);
  const o1 = <usize>load<u32>(o, 4);
  const o2 = <usize>load<u32>(o, 8);
  const o3 = <usize>load<u32>(o, 12);
  const o4 = <usize>load<u32>(o, 16);
  const o5 = <usize>load<u32>(o, 20);
  let s0 = f32x4.splat(0);
  let s1 = s0;
  let s2 = s0;
  let s3 = s0;
  let s4 = s0;
  let s5 = s0;
  for (let i: usize = 0; i < rowBytes; i += 16) {
    const x = v128.load(input + i);
    s0 = f32x4.add(s0, f32x4.mul(x, v128.load(o0 + i)));
    s1 = f32x4.add(s1, f32x4.mul(x, v128.load(o1 + i)));
    s2 = f32x4.add(s2, f32x4.mul(x, v128.load(o2 + i)));
    s3 = f32x4.add(s3, f32x4.mul(x, v128.load(o3 + i)));
    s4 = f32x4.add(s4, f32x4.mul(x, v128.load(o4 + i)));
    s5 = f32x4.add(s5, f32x4.mul(x, v128.load(o5 + i)));
  }
  store<f32>(g, alpha * (<f32>positive - logisticOf(sumLanes(s0))));
  store<f32>(g, stepOf(o1, s1, alpha), 4);
  store<f32>(g, stepOf(o2, s2, alpha), 8);
  store<f32>(g, stepOf(o3, s3, alpha), 12);
  store<f32>(g, stepOf(o4, s4, alpha), 16);
  store<f32>(g, stepOf(o5, s5, alpha), 20);
}

@inline
function stepOf(target: usize, products: v128, alpha: f32): f32 {
  return target == nothing ? 0 : -alpha * logisticOf(sumLanes(products));
}

@inline
function logisticOf(x: f32): f32 {
  if (!(abs<f32>(x) < REACH)) return x > 0 ? 1 : 0;
  const place = (x + REACH) * PLACES;
  const whole = <u32>place;
  const at = logistic + ((<usize>whole) << 2);
  const before = load<f32>(at);
  return before + (place - <f32>whole) * (load<f32>(at, 4) - before);
}

@inline
function moveAll(input: usize, o: usize, g: usize): void {
  const o0 = <usize>load<u32>(o);
  const o1 = <usize>load<u32>(o, 4);
  const o2 = <usize>load<u32>(o, 8);
  const o3 = <usize>load<u32>(o, 12);
  const o4 = <usize>load<u32>(o, 16);
  const o5 = <usize>load<u32>(o, 20);
  const g0 = v128.load32_splat(g);
  const g1 = v128.load32_splat(g, 4);
  const g2 = v128.load32_splat(g, 8);
  const g3 = v128.load32_splat(g, 12);
  const g4 = v128.load32_splat(g, 16);
  const g5 = v128.load32_splat(g, 20);
  for (let i: usize = 0; i < rowBytes; i += 16) {
    const x = v128.load(input + i);
    // The update uses the vectors from before: all are read before one is written, because a row may occur twice.
    const t0 = v128.load(o0 + i);
    const t1 = v128.load(o1 + i);
    const t2 = v128.load(o2 + i);
    const t3 = v128.load(o3 + i);
    const t4 = v128.load(o4 + i);
    const t5 = v128.load(o5 + i);
    const a = f32x4.add(f32x4.mul(g0, t0), f32x4.mul(g1, t1));
    const b = f32x4.add(f32x4.mul(g2, t2), f32x4.mul(g3, t3));
    const c = f32x4.add(f32x4.mul(g4, t4), f32x4.mul(g5, t5));
    v128.store(moves + i, f32x4.add(v128.load(moves + i), f32x4.add(f32x4.add(a, b), c)));
    v128.store(o0 + i, f32x4.add(t0, f32x4.mul(g0, x)));
    v128.store(o1 + i, f32x4.add(v128.load(o1 + i), f32x4.mul(g1, x)));
    v128.store(o2 + i, f32x4.add(v128.load(o2 + i), f32x4.mul(g2, x)));
    v128.store(o3 + i, f32x4.add(v128.load(o3 + i), f32x4.mul(g3, x)));
    v128.store(o4 + i, f32x4.add(v128.load(o4 + i), f32x4.mul(g4, x)));
    v128.store(o5 + i, f32x4.add(v128.load(o5 + i), f32x4.mul(g5, x)));
  }
}
