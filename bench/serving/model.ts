import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { hashbrook } from "../lib/run.js";

/** A model of categorical fields for benches. */
export interface Served {
  readonly fields: readonly string[];
  /** Ids of a field. */
  readonly ids: number;
  readonly residual: readonly number[];
}

export const served = (fields: number, ids: number, residual: readonly number[]): Served => ({
  fields: Array.from({ length: fields }, (_, i) => `f${i}`),
  ids,
  residual,
});

const specOf = ({ fields, residual }: Served) => `
name: serving
events: { format: json }
label: { field: click }
fields:
${fields.map((name) => `  - { name: ${name}, type: categorical, table: ids }`).join("\n")}
tables: { ids: { dim: 16, salt: field } }
tower: { deep_crossing: { residual: [${residual.join(", ")}] } }
train: { batch: 256 }
`;

const candidate = ({ fields, ids }: Served, i: number) =>
  Object.fromEntries(fields.map((name, f) => [name, `v${(i * 7919 + f * 31) % ids}`]));

/** A request of this many candidates. */
export function bodyOf(model: Served, count: number): Buffer {
  const candidates = Array.from({ length: count }, (_, i) => candidate(model, i));
  return Buffer.from(JSON.stringify({ context: {}, candidates }));
}

/** Trains a model in a folder on the `first` events. @returns the run's directory */
export function trained(model: Served, folder: string, events: number, first = events): string {
  const out = join(folder, "run");
  writeFileSync(join(folder, "spec.yaml"), specOf(model));
  const lines = Array.from({ length: events }, (_, i) =>
    JSON.stringify({ click: i % 3 ? 0 : 1, ...candidate(model, i) }),
  );
  writeFileSync(join(folder, "events.json"), lines.join("\n"));
  learn(folder, "--limit", String(first));
  return out;
}

/** Continues training in the folder of `trained`. */
export function learn(folder: string, ...more: string[]): void {
  const at = (name: string) => join(folder, name);
  hashbrook("train", "--model", at("spec.yaml"), "--data", at("events.json"), "--out", at("run"), "--resume", ...more);
}
