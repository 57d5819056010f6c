import { oneLine } from "../core/texts.js";
import type { Change } from "../explain/block-quality.js";
import type { FieldGroups } from "../explain/id-groups.js";
import type { Importance } from "../explain/importance.js";
import type { ExplainReport } from "../explain/options.js";
import { count, figure } from "./progress.js";

/** Fields with fewer ids have no rare ones worth reporting. */
const FEW_IDS = 50;
/** Columns of the widest bar of the calibration plot. */
const BAR = 40;

/** The result of `explain`, as tables. */
export function* explanationText(report: ExplainReport): Generator<string> {
  const { model, tower, quality, rejected, block, repetitions, importance, reliability } = report;
  yield `${model} (${tower}), ${count(report.examples)} examples learned · ${count(quality.examples)} events${rejected > 0 ? `, ${count(rejected)} rejected` : ""}`;
  yield `  AUC ${figure(quality.auc)}  logloss ${figure(quality.logloss)}  NE ${figure(quality.normalized_entropy)}  calibration ${figure(quality.calibration)}`;
  yield "";
  yield `contribution of each field: the change without it, ± its standard error (blocks of ${block} events, ${repetitions} permutations)`;
  yield* importanceTable(importance);
  yield "";
  yield* idsTable(report.ids.filter(({ distinct }) => distinct >= FEW_IDS));
  yield "predicted and actual rates, in bins of equal weight";
  const most = Math.max(...reliability.flatMap(({ predicted, actual }) => [predicted, actual]));
  for (const { predicted, actual } of reliability)
    yield `  ${figure(predicted)} ${figure(actual)}  ${bar(predicted, actual, most)}`;
  yield `  ${" ".repeat(13)}  # actual, | predicted`;
}

function* importanceTable(importance: readonly Importance[]): Generator<string> {
  const width = Math.max(5, ...importance.map(({ name }) => oneLine(name).length)) + 2;
  const heads = ["permuted: logloss", "AUC", "left out: logloss", "AUC"].map((head) => head.padStart(20)).join("");
  yield `  ${"field".padEnd(width)}${heads}${"changed".padStart(10)}`;
  for (const { name, source, permuted, left_out, changed, crosses } of importance) {
    const cells = [...changeCells(permuted), ...(left_out ? changeCells(left_out) : ["", ""])];
    const moved = crosses.length > 0 ? `  with ${crosses.map(oneLine).join(", ")}` : "";
    const alone = source === null ? "  the cross alone" : moved;
    yield `  ${oneLine(name).padEnd(width)}${cells.map((cell) => cell.padStart(20)).join("")}${`${(100 * changed).toFixed(0)} %`.padStart(10)}${alone}`;
  }
}

function changeCells({ logloss, logloss_se, auc, auc_se }: Change): string[] {
  return [withError(logloss, logloss_se), withError(auc, auc_se)];
}

function withError(value: number | null, error: number | null): string {
  if (value === null) return "–";
  const sign = value < 0 ? "-" : "+";
  return `${sign}${Math.abs(value).toFixed(5)}${error === null ? "" : ` ±${error.toFixed(5)}`}`;
}

function* idsTable(ids: readonly FieldGroups[]): Generator<string> {
  if (ids.length === 0) return;
  const width = Math.max(...ids.map(({ field }) => oneLine(field).length)) + 2;
  yield "frequent ids (head: half of the events), rare ids (tail), and ids for which the model has no row (unseen)";
  yield `  ${"field".padEnd(width)}${["", "ids", "events", "AUC", "logloss", "NE", "p ÷ a"].map((head) => head.padStart(10)).join("")}`;
  for (const { field, ...groups } of ids) {
    for (const group of ["head", "tail", "unseen"] as const) {
      const of = groups[group];
      if (!of) continue;
      const figures = [of.auc, of.logloss, of.normalized_entropy, of.calibration].map(figure);
      const cells = [group, count(of.ids), count(of.events), ...figures].map((cell) => cell.padStart(10));
      yield `  ${(group === "head" ? oneLine(field) : "").padEnd(width)}${cells.join("")}`;
    }
  }
  yield "";
}

/** Both values marked on one line. */
function bar(predicted: number, actual: number, most: number): string {
  const at = (value: number) => Math.round((BAR * value) / (most || 1));
  const line = [..."#".repeat(at(actual)).padEnd(BAR + 1)];
  line[at(predicted)] = "|";
  return line.join("").trimEnd();
}
