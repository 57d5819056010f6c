import { batchLayout } from "../core/batch.js";
import type { Block, SavedBlocks } from "../core/blocks.js";
import type { Slot } from "../core/row-layout.js";
import { type ParameterAxes, parameterAxes } from "../graph/axes.js";
import { towerShape } from "../model/tower-shape.js";
import { DenseOptimizer } from "../optimizers/dense.js";
import { optimizerOf } from "../optimizers/index.js";
import type { CompiledSpec, CompiledTable } from "../spec/compiled.js";
import { cellVectors } from "../spec/compiled.js";
import { learnsByEvent, towerOf } from "../towers/index.js";
import { buildTower, type Parameter } from "../towers/tower.js";
import { sameState } from "./optimizer-state.js";
import type { StartedPart } from "./report.js";

/** A tower's weights, and what the positions of each stand for. */
interface Weights {
  readonly parameters: readonly Parameter[];
  readonly axes: ParameterAxes;
}

/** Blocks of a tower's weights and their optimizer's state, and what happened to each weight. */
export interface StartedTower {
  readonly blocks: SavedBlocks;
  readonly parts: readonly StartedPart[];
}

/**
 * The initial weights of a tower that starts from another one's. Weights are matched by name, their rows and columns by what
 * they stand for: a field's columns are recognised wherever they are. What is new keeps its random initialisation.
 * @param saved of the checkpoint of `from`
 */
export function startedTower(from: CompiledSpec, to: CompiledSpec, saved: SavedBlocks): StartedTower {
  if (learnsByEvent(to.tower.kind)) return { blocks: new Map(), parts: [] };
  const old = weightsOf(from);
  const now = weightsOf(to);
  const places = new Map(now.parameters.map((parameter) => [parameter.name, placesOf(parameter, old, now)]));
  const merged = now.parameters.map((parameter) => {
    const w = savedFloats(saved, parameter.name, "w");
    return { ...parameter, initial: laid(parameter.initial, w, places.get(parameter.name)!) };
  });
  const dense = new DenseOptimizer(to.tower.optimizer, merged);
  if (sameState(from.tower.optimizer, to.tower.optimizer)) takeState(dense, to, saved, places);
  return {
    blocks: new Map(dense.blocks().map((block) => [block.name, block])),
    parts: partsOf(old, now, places, from, to),
  };
}

function weightsOf(spec: CompiledSpec): Weights {
  if (learnsByEvent(spec.tower.kind)) return { parameters: [], axes: new Map() };
  const { parameters, infer } = buildTower(spec.tower, towerShape(spec, batchLayout(spec, 1)), spec.seed);
  return { parameters, axes: parameterAxes(infer, (name, width) => inputColumns(spec, name, width)) };
}

/** For every number of a weight its position in the old one; -1: it is fresh. */
function placesOf({ name, shape }: Parameter, old: Weights, now: Weights): Int32Array {
  const size = shape.reduce((product, length) => product * length, 1);
  const there = old.axes.get(name);
  const here = now.axes.get(name)!;
  if (there?.length !== here.length) return new Int32Array(size).fill(-1);
  let places = Int32Array.of(0);
  here.forEach((names, axis) => {
    const at = new Map(there[axis].map((name, i) => [name, i]));
    const found = Int32Array.from(names, (name) => at.get(name) ?? -1);
    const before = places;
    const width = there[axis].length;
    places = new Int32Array(before.length * found.length);
    before.forEach((row, r) => {
      for (let c = 0; c < found.length; c++)
        places[r * found.length + c] = row < 0 || found[c] < 0 ? -1 : row * width + found[c];
    });
  });
  return places;
}

function laid(fresh: Float32Array, old: Float32Array | null, places: Int32Array): Float32Array {
  return old ? fresh.map((value, i) => (places[i] < 0 ? value : old[places[i]])) : fresh;
}

function savedFloats(saved: SavedBlocks, parameter: string, slot: string): Float32Array | null {
  const data = saved.get(`dense/${parameter}/${slot}`)?.data;
  return data ? new Float32Array(data.slice().buffer) : null;
}

/** Copies the optimizer state of each number, and its step count. */
function takeState(
  dense: DenseOptimizer,
  to: CompiledSpec,
  saved: SavedBlocks,
  places: ReadonlyMap<string, Int32Array>,
) {
  const { slots } = optimizerOf(to.tower.optimizer.kind);
  const blocks = new Map(dense.blocks().map((block) => [block.name, block]));
  for (const [name, at] of places) {
    for (const slot of slots) {
      const block = blocks.get(`dense/${name}/${slot.name}`);
      const old = savedFloats(saved, name, slot.name);
      const taken = block && old && slotOf(slot, block, old, at);
      if (taken) blocks.set(block.name, { ...block, data: asBytes(taken) });
    }
  }
  const powers = saved.get("dense/powers");
  if (powers && blocks.has("dense/powers"))
    blocks.set("dense/powers", { ...blocks.get("dense/powers")!, data: powers.data });
  dense.restore(blocks);
}

/** A slot of a weight; null if it is one for the whole weight, of which not everything was taken. */
function slotOf({ shared }: Slot, { data }: Block, old: Float32Array, places: Int32Array): Float32Array | null {
  if (!shared) return laid(new Float32Array(data.slice().buffer), old, places);
  return places.length === old.length && places.every((place, i) => place === i) ? old : null;
}

const asBytes = ({ buffer, byteOffset, byteLength }: Float32Array) => new Uint8Array(buffer, byteOffset, byteLength);

function partsOf(
  old: Weights,
  now: Weights,
  places: ReadonlyMap<string, Int32Array>,
  from: CompiledSpec,
  to: CompiledSpec,
): StartedPart[] {
  const state = sameState(from.tower.optimizer, to.tower.optimizer)
    ? null
    : `the optimizer's state is reset: the checkpoint's is not that of ${to.tower.optimizer.kind} with these options`;
  const started = now.parameters.map((parameter): StartedPart => {
    const there = old.parameters.find(({ name }) => name === parameter.name);
    const found = places.get(parameter.name)!;
    const taken = found.reduce((sum, place) => sum + Number(place >= 0), 0);
    const shapes = `${told(parameter.shape)}, was ${there ? told(there.shape) : "absent"}`;
    const part = { part: "tower", name: parameter.name, taken } as const;
    if (taken === 0)
      return {
        ...part,
        outcome: "fresh",
        reason: there ? `no part of it matches: ${shapes}` : "not in the checkpoint",
      };
    if (taken < found.length)
      return { ...part, outcome: "resized", reason: [shapes, state].filter(Boolean).join("; ") };
    return { ...part, outcome: "taken", reason: state };
  });
  const names = new Set(now.parameters.map(({ name }) => name));
  const dropped = old.parameters
    .filter(({ name }) => !names.has(name))
    .map(
      ({ name }): StartedPart => ({
        part: "tower",
        name,
        outcome: "dropped",
        taken: 0,
        reason: "no such weight in the new tower",
      }),
    );
  return [...started, ...dropped];
}

const told = (shape: readonly number[]) => shape.join(" × ");

/** What every column of a tower's input stands for: a field and a position in its vector. */
function inputColumns(spec: CompiledSpec, name: string, width: number): readonly string[] {
  const table = spec.tables.find((table) => name === `x_${table.name}`);
  if (table) return tableColumns(spec, table);
  if (name === "numbers") return spec.numbers.map((field) => `number ${field} ${scaleOf(spec, field)}`);
  if (name === "vectors")
    return spec.fields.flatMap((field) =>
      "take" in field ? Array.from({ length: field.take }, (_, i) => `vector ${field.name} ${i}`) : [],
    );
  return Array.from({ length: width }, (_, i) => `${name} ${i}`);
}

/** How a number is scaled; a column with another scaling counts as a different one. */
function scaleOf({ fields }: CompiledSpec, name: string): string {
  const field = fields.find((field) => field.name === name);
  return field && "transform" in field ? JSON.stringify(field.transform) : "";
}

function tableColumns(spec: CompiledSpec, { name, cells, dim }: CompiledTable): readonly string[] {
  const places = cellVectors(cells);
  const factors = factorNames(spec, dim);
  return cells.flatMap(({ field }, c) =>
    Array.from({ length: places[c].vectors }, (_, item) =>
      factors(field).map((factor) => `${name} ${field} ${item} ${factor}`),
    ).flat(),
  );
}

/** What the floats of a field's vector stand for: its dimensions; in a field-aware tower those for each other field. */
function factorNames(spec: CompiledSpec, dim: number): (field: string) => readonly string[] {
  const { table } = towerOf(spec.tower.kind);
  if (!table?.dim) return () => Array.from({ length: dim }, (_, i) => `${i}`);
  const fields = spec.tables
    .filter(({ role }) => role === "embedding")
    .flatMap(({ cells }) => cells.map(({ field }) => field));
  const each = dim / (fields.length - 1);
  return (field) =>
    fields
      .filter((other) => other !== field)
      .flatMap((other) => Array.from({ length: each }, (_, i) => `for ${other} ${i}`));
}
