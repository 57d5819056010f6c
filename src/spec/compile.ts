import { calledType, fieldOf, isDense, isNumber } from "../fields/index.js";
import type { Problems } from "../schema/problems.js";
import { learnsByEvent, suggestedTower, towerKinds, towerOf } from "../towers/index.js";
import { compileCalibration } from "./calibration.js";
import type { CompiledSpec, CompiledTable, TowerKind } from "./compiled.js";
import { defaults } from "./defaults.js";
import { compileFields, type ExpandedField } from "./fields.js";
import { compileGate } from "./gate.js";
import { compileJoin } from "./join.js";
import { compileLabel } from "./label.js";
import { compileBatch } from "./lanes.js";
import { compileMetrics } from "./metrics.js";
import { checkVectors, compilePoolings } from "./poolings.js";
import type { ModelSpec } from "./schema.js";
import { checkType, compileEvents, compileType, Sources } from "./sources.js";
import { compileTables, compileWide } from "./tables.js";
import { compileTower, reportTowerKind, towerKind } from "./tower.js";

export { canonicalJson } from "../core/hash.js";
export { compiledFromJson } from "./compiled-json.js";
export { specHash } from "./hash.js";

/** A batch crosses threads as one buffer of at most this size. */
const BATCH_BYTES = 2 ** 30;

/**
 * Resolves a spec whose shape has been checked. Problems go to `problems`; the result is valid only if there are none.
 */
export function compileSpec(spec: ModelSpec, problems: Problems): CompiledSpec | undefined {
  const events = { ...compileEvents(spec.events, problems), ...compileType(spec.events.type) };
  const sources = new Sources(events, problems);
  checkType(events, sources, problems);
  const label = compileLabel(spec, sources, problems);
  const fields = compileFields(spec, sources, problems);
  const kind = towerKind(spec.tower);
  if (kind === undefined) {
    reportTowerKind(problems);
    return undefined;
  }
  const embeddings = compileTables(spec, kind, fields, problems);
  const wide = compileWide(spec, fields, problems);
  const { tables, ...pooled } = compilePoolings(spec, kind, fields, embeddings, problems);
  const used = { fields: fields.map(({ field }) => field), tables: wide ? [...tables, wide] : tables };
  const calibrated = compileCalibration(spec.calibration, used, problems);
  const updates = compileBatch(spec, kind, used.tables, problems);
  const compiled: CompiledSpec = {
    name: spec.name,
    seed: spec.train?.seed ?? defaults.train.seed,
    ...updates,
    ...compileWarmup(spec, { kind, batch: updates.batch }, problems),
    window: spec.train?.window ?? defaults.train.window,
    ...compileSampling(spec, problems),
    ...calibrated,
    ...compileMetrics(spec.metrics, used, problems),
    ...compileGate(spec.gate, { ...used, ...calibrated }, problems),
    events,
    label,
    ...compileJoin(spec, label, problems),
    ...used,
    numbers: fields.filter(({ field }) => isNumber(field)).map(({ field }) => field.name),
    ...pooled,
    tower: compileTower(spec, kind, problems),
  };
  checkUses(compiled, fields, problems);
  checkLeaks(compiled, fields, problems);
  checkInputs(kind, embeddings, wide, fields, problems);
  checkBatch(compiled, problems);
  checkVectors(compiled, problems);
  return compiled;
}

/** The default is left out, so that older specs keep their hash. */
function compileWarmup(
  { train }: ModelSpec,
  { kind, batch }: { readonly kind: TowerKind; readonly batch: number },
  problems: Problems,
): { warmup?: number } {
  const warmup = train?.warmup;
  if (warmup !== undefined && learnsByEvent(kind))
    problems.add("train.warmup", `has no effect: ${kind} learns event by event`, "remove it");
  return warmup === undefined || warmup === batch * defaults.train.warmup_batches ? {} : { warmup };
}

/** By default all negatives are learned; the default is left out, so that older specs keep their hash. */
function compileSampling({ train, label }: ModelSpec, problems: Problems): { negative_sampling?: number } {
  const rate = train?.negative_sampling ?? 1;
  if (rate < 1 && label?.soft)
    problems.add(
      "train.negative_sampling",
      "cannot be used with soft labels, which are never negatives",
      "remove it, or remove label.soft",
    );
  return rate === 1 ? {} : { negative_sampling: rate };
}

/** Every field must reach the model: through a table, a cross, the wide part, or as numbers into the tower. */
function checkUses(
  { fields: compiled, tables, tower }: CompiledSpec,
  fields: readonly ExpandedField[],
  problems: Problems,
): void {
  const crossed = new Set(compiled.flatMap((field) => ("of" in field ? field.of : [])));
  const wide = new Set(
    tables.filter(({ role }) => role === "wide").flatMap(({ cells }) => cells.map(({ field }) => field)),
  );
  const linear = learnsByEvent(tower.kind);
  for (const { field, table, path } of fields) {
    const dense = isDense(field);
    if (linear && !fieldOf(field.type).cell) {
      problems.add(
        path,
        `${tower.kind} cannot use ${calledType(field).replace(/^an? /, "the ")} "${field.name}"`,
        `use a tower such as ${suggestedTower}, or remove the field`,
      );
    } else if (!linear && isNumber(field) && table !== undefined) {
      problems.add(
        `${path}.table`,
        `the number "${field.name}" feeds the tower unchanged, without a table`,
        "remove `table`, or give it a bucket transform",
      );
    } else if (table === undefined && !crossed.has(field.name) && !wide.has(field.name) && (linear || !dense)) {
      problems.add(
        path,
        `"${field.name}" is not used`,
        linear ? "give it a table" : "give it a table, or name it in a cross or in wide",
      );
    }
  }
}

/** A field must not be read from the label's source. */
function checkLeaks({ label }: CompiledSpec, fields: readonly ExpandedField[], problems: Problems): void {
  for (const { field, path } of fields) {
    if (!("from" in field)) continue;
    const leak = field.from === label.from ? "label" : field.from === label.oracle ? "oracle" : undefined;
    if (leak)
      problems.add(
        path,
        `"${field.name}" reads the ${leak} ("${field.from}")`,
        "remove the field: a model must not see what it predicts",
      );
  }
}

/** Checks the tower's requirements on tables, numbers and the wide part. */
function checkInputs(
  kind: TowerKind,
  tables: readonly CompiledTable[],
  wide: CompiledTable | undefined,
  fields: readonly ExpandedField[],
  problems: Problems,
): void {
  const tower = towerOf(kind);
  if (!wide && tower.needsWide)
    problems.add("tower", `${kind} requires a \`wide\` part`, "add wide: { fields: [...] }");
  if (tower.learns === "events") {
    if (tables.length !== 1)
      problems.add(
        "tables",
        `${kind} requires exactly one table, got ${tables.length}`,
        "let all fields name the same table",
      );
    else tower.check?.({ tables, dense: false }, problems);
    return;
  }
  const dense = fields.some(({ field }) => isDense(field));
  if (tables.length === 0 && (tower.compares || !dense)) {
    const none = tower.compares ? "" : " and no numbers";
    problems.add("tower", `${kind} requires at least one embedding, but there are none${none}`, "give fields a table");
  }
  const dims = new Set(tables.map(({ dim }) => dim));
  if (tower.compares && dims.size > 1) {
    problems.add(
      "tables",
      `${kind} multiplies embeddings, which requires equal dims, got ${[...dims].join(", ")}`,
      `give all tables the same dim, or use a tower that takes any: ${dimsFree.join(", ")}`,
    );
  }
  tower.check?.({ tables, dense }, problems);
}

/** The towers that take tables of any dims. */
const dimsFree = towerKinds.filter((kind) => {
  const tower = towerOf(kind);
  return tower.learns === "batches" && !tower.compares;
});

function checkBatch({ batch, fields, tables, numbers }: CompiledSpec, problems: Problems): void {
  const singles = tables.flatMap(({ cells }) => cells).filter(({ kind }) => kind === "single").length;
  const bags = tables.flatMap(({ cells }) => cells.map((cell) => fields.find(({ name }) => name === cell.field)));
  const items = bags.reduce((sum, field) => sum + (field && "max_length" in field ? field.max_length : 0), 0);
  const vectors = fields.reduce((sum, field) => sum + ("take" in field ? field.take : 0), 0);
  const bytes = batch * (28 + 4 * (numbers.length + vectors) + 8 * singles + 12 * items);
  if (bytes <= BATCH_BYTES) return;
  problems.add(
    "train.batch",
    `a batch of ${batch} rows takes ${(bytes / 2 ** 30).toFixed(1)} GiB, the limit is 1`,
    "lower batch, max_length or take",
  );
}
