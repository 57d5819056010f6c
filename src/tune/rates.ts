import { learningRate } from "../optimizers/index.js";
import type { CompiledSpec } from "../spec/compiled.js";
import type { SpecDocument } from "../spec/document.js";
import { learnsByEvent } from "../towers/index.js";
import type { Dimension } from "./search.js";

/** The share of a stream that rates are searched on; never fewer events than these, if there are as many. */
export const RATE_SHARE = 0.05;
export const LEAST_RATE_EVENTS = 50_000;

const OF_ROWS = [1 / 16, 1 / 4, 1 / 2, 1, 2, 4, 16];
const OF_TOWERS = [1 / 4, 1, 4];
const BY_EVENT = [1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16, 32];

/** The learning rates of a spec, as values to search: factors, applied to every rate of its kind. */
export function rateSettings(spec: CompiledSpec): {
  readonly rates: readonly Rate[];
  readonly factors: readonly (readonly number[])[];
} {
  const byEvent = learnsByEvent(spec.tower.kind);
  const rates = ratesOf(spec, byEvent);
  const ofRows = rates.some(({ tower }) => !tower) ? (byEvent ? BY_EVENT : OF_ROWS) : [1];
  const towers = rates.some(({ tower }) => tower) ? OF_TOWERS : [1];
  return { rates, factors: ofRows.flatMap((rows) => towers.map((tower) => [rows, tower])) };
}

/** A learning rate of a spec. */
export interface Rate {
  readonly place: readonly (string | number)[];
  readonly value: number;
  readonly tower: boolean;
}

function ratesOf(spec: CompiledSpec, byEvent: boolean): Rate[] {
  const rateAt = (place: readonly string[], optimizer: CompiledSpec["tower"]["optimizer"], tower: boolean): Rate => {
    const { knob, value } = learningRate(optimizer);
    return { place: [...place, "optimizer", optimizer.kind, knob], value, tower };
  };
  const tables = spec.tables.map(({ name, role, optimizer }) =>
    rateAt(role === "wide" ? ["wide"] : ["tables", name], optimizer, false),
  );
  return byEvent ? tables : [...tables, rateAt(["tower"], spec.tower.optimizer, true)];
}

/** The values of rates under factors, and their names. */
export function underFactors(
  rates: readonly Rate[],
  [rows, tower]: readonly number[],
): { dimensions: readonly Dimension[]; setting: readonly number[]; name: string } {
  return {
    dimensions: rates.map(({ place }) => ({ path: place.join("."), places: [place], values: { list: [] } })),
    setting: rates.map((rate) => Number((rate.value * (rate.tower ? tower : rows)).toPrecision(4))),
    name: [
      ...(rates.some((rate) => !rate.tower) ? [`tables x${rows}`] : []),
      ...(rates.some((rate) => rate.tower) ? [`tower x${tower}`] : []),
    ].join(" "),
  };
}

/** A tower given as a name becomes a map, so that an optimizer can be added. */
export function withTowerMap(document: SpecDocument): SpecDocument {
  const tower = document.get(["tower"]);
  if (typeof tower !== "string") return document;
  const copy = document.copy();
  copy.set(["tower"], { [tower]: {} });
  return copy;
}
