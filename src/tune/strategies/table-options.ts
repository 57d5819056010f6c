import { learningRate } from "../../optimizers/index.js";
import type { Shares } from "../shares.js";
import type { Problem, Proposal, TableOptions, TableProposal, TunedTable } from "./strategy.js";

/** FTRL with a beta this small takes AdaGrad's steps; with a larger one, its first steps are about a quarter as long. */
const SMALL_BETA = 0.2;

/** Precisions with a byte per weight or less, and a scale per row. */
export type Scaled = "int8" | "int4" | "int2";

/**
 * The options of a table with a byte or less per weight: these need an optimizer that stores weights, and one accumulator per
 * row is the smallest.
 * @param factor for the learning rate that corresponds to its own optimizer's steps
 */
export function scaledOptions(
  { options, compiled: { optimizer } }: TunedTable,
  precision: Scaled,
  factor = 1,
): TableOptions {
  const { value } = learningRate(optimizer);
  const slow = optimizer.kind === "ftrl" && optimizer.beta > SMALL_BETA;
  const learning_rate = Number((value * factor * (slow ? 0.25 : 1)).toPrecision(3));
  return { ...options, precision, optimizer: { rowwise_adagrad: { learning_rate } } };
}

/** The same with one byte per weight. */
export const int8Options = (table: TunedTable, factor = 1): TableOptions => scaledOptions(table, "int8", factor);

/** The same proposal for every table: options and reason by table, bytes by shares. */
export function everyTable(
  { tables }: Problem,
  shares: Shares,
  become: (table: TunedTable) => Omit<TableProposal, "weight">,
): Proposal["tables"] {
  return Object.fromEntries(
    tables.map((table) => [table.name, { ...become(table), weight: Math.max(1, shares[table.name]) }]),
  );
}

/** "12 %": a share in a reason's text. */
export const percent = (share: number): string => `${Number((share * 100).toPrecision(2))} %`;
