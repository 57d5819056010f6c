import { blocksOf } from "../checkpoints/lazy-blocks.js";
import { openCheckpoint } from "../checkpoints/store.js";
import type { SavedBlocks } from "../core/blocks.js";
import { HashbrookError } from "../core/errors.js";
import { canonicalJson } from "../core/hash.js";
import { specOf } from "../model/load.js";
import type { Model } from "../model/model.js";
import type { CompiledSpec } from "../spec/compiled.js";
import type { StartedPart, StartReport } from "./report.js";
import { StartBlocks } from "./start-blocks.js";
import { startedTable } from "./start-table.js";
import { startedTower } from "./tower-weights.js";

const NUMBERS = ["numbers/statistics", "numbers/beginning"];
const CLOCK = "model/clock";

/**
 * Initialises an untrained model from a checkpoint with another spec: tables and dense weights are matched by name, as far as
 * they mean the same.
 * @param path a run's directory (its newest intact checkpoint) or one checkpoint's
 * @throws HashbrookError checkpoint_missing, checkpoint_damaged; usage if nothing can be taken from the checkpoint
 */
export async function startFrom(model: Model, path: string): Promise<Omit<StartReport, "frozen">> {
  const opened = openCheckpoint(path);
  const { checkpoint } = opened;
  const from = specOf(opened);
  const saved = blocksOf(checkpoint);
  const blocks = new StartBlocks(model.blocks(), saved);
  const parts: StartedPart[] = [];
  for (const table of model.tables) {
    const names = table.blocks().map(({ name }) => name);
    const now = model.spec.tables.find(({ name }) => name === table.name)!;
    const started = await startedTable(from, model.spec, now, { checkpoint, saved, names });
    blocks.take(started.taken);
    laidOver(blocks, started.blocks);
    parts.push(started.part);
  }
  parts.push(...droppedTables(from, model.spec));
  const tower = startedTower(from, model.spec, saved);
  laidOver(blocks, tower.blocks);
  parts.push(
    ...tower.parts,
    ...startedNumbers(from, model.spec, saved, blocks),
    ...startedCalibration(from, model, saved, blocks),
  );
  if (blocks.has(CLOCK) && saved.has(CLOCK)) blocks.take([CLOCK]);
  refuseNothing(parts, checkpoint.path);
  model.restore(blocks);
  return { from: checkpoint.path, examples: checkpoint.examples, parts };
}

function laidOver(blocks: StartBlocks, over: SavedBlocks): void {
  for (const [name, block] of over) blocks.set(name, block);
}

function droppedTables(from: CompiledSpec, to: CompiledSpec): StartedPart[] {
  const names = new Set(to.tables.map(({ name }) => name));
  return from.tables
    .filter(({ name }) => !names.has(name))
    .map(({ name }) => ({
      part: "table",
      name,
      outcome: "dropped",
      taken: 0,
      reason: "no such table in the new spec",
    }));
}

/** The statistics of standardized numbers that both models have as the same field. */
function startedNumbers(from: CompiledSpec, to: CompiledSpec, saved: SavedBlocks, blocks: StartBlocks): StartedPart[] {
  const scaled = (spec: CompiledSpec, name: string) =>
    spec.fields.find((field) => field.name === name && "transform" in field && field.transform === "standardize");
  const wanted = to.numbers.filter((name) => scaled(to, name));
  if (wanted.length === 0) return [];
  const there = NUMBERS.every((name) => saved.has(name))
    ? wanted.filter((name) => from.numbers.includes(name) && scaled(from, name))
    : [];
  for (const name of NUMBERS) {
    const old = saved.get(name)?.data;
    const fresh = blocks.get(name)!.data.slice();
    const each = fresh.length / to.numbers.length;
    for (const field of there) {
      const at = from.numbers.indexOf(field) * each;
      fresh.set(old!.subarray(at, at + each), to.numbers.indexOf(field) * each);
    }
    blocks.set(name, { data: fresh });
  }
  return wanted.map((name): StartedPart => {
    if (there.includes(name)) return { part: "numbers", name, outcome: "taken", taken: 1, reason: null };
    return {
      part: "numbers",
      name,
      outcome: "fresh",
      taken: 0,
      reason: "no such standardized number in the checkpoint",
    };
  });
}

/** A calibration is taken if its curves are for the same values, learned the same way. */
function startedCalibration(
  from: CompiledSpec,
  { spec, calibrator }: Model,
  saved: SavedBlocks,
  blocks: StartBlocks,
): StartedPart[] {
  if (!calibrator || !spec.calibration) return [];
  const part = { part: "calibration", name: spec.calibration.method } as const;
  const names = calibrator.blocks().map(({ name }) => name);
  const of = ({ calibration, fields }: CompiledSpec) =>
    canonicalJson([calibration ?? null, fields.find(({ name }) => name === calibration?.by) ?? null]);
  if (of(from) !== of(spec) || !names.every((name) => saved.has(name)))
    return [
      {
        ...part,
        outcome: "fresh",
        taken: 0,
        reason: from.calibration ? "the calibration differs" : "the checkpoint has no calibration",
      },
    ];
  blocks.take(names);
  return [{ ...part, outcome: "taken", taken: 1, reason: null }];
}

function refuseNothing(parts: readonly StartedPart[], path: string): void {
  if (parts.some(({ taken }) => taken > 1)) return; // an output bias alone fits all
  const why = parts.flatMap(({ name, outcome, reason }) =>
    outcome === "dropped" || reason === null ? [] : [`${name}: ${reason}`],
  );
  throw new HashbrookError(
    "checkpoint_mismatch",
    `${path}: no part of it matches this spec: ${why.slice(0, 5).join("; ")}`,
    {
      hint: "tables and weights are matched by name: list those of a checkpoint with hashbrook inspect, or start without --init-from",
    },
  );
}
