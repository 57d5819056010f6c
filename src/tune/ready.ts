import { join } from "node:path";
import { writeFileAtomically } from "../core/atomic-file.js";
import { grouped } from "../core/digits.js";
import { nodeFiles } from "../core/files.js";
import { SpecDocument } from "../spec/document.js";
import { specText } from "./question.js";
import type { Plan, PlannedCandidate, Session } from "./session.js";
import type { Standing, WindowQuality } from "./windows.js";

/** File of the ready spec, in the directory. */
export const READY_SPEC = "spec.yaml";

/** Writes the chosen spec, with its results as comments. @returns its file name in the directory */
export function readySpec(
  { out, question }: Session,
  { budget, schedule }: Plan,
  { name, spec, bytes }: PlannedCandidate,
  judged: Standing,
  reference: WindowQuality,
): string {
  const document = new SpecDocument(specText(join(out, spec)));
  const se = judged.auc_se === null ? "" : ` ± ${points(judged.auc_se)}`;
  document.heading(
    [
      `Chosen by ${question.metric} on the first ${number(schedule.rungs.at(-1)!.events)} events; on the ${number(judged.to - judged.from)} events after them:`,
      `AUC ${judged.auc.toFixed(4)}, logloss ${judged.logloss.toFixed(4)}; the reference's AUC is ${reference.auc.toFixed(4)}: ${points(judged.auc_difference)}${se} points.`,
      `${name}: tables of at most ${bytes === null ? "as many bytes as the ids need" : `${number(bytes)} bytes`}${budget === null ? "" : `, budget ${number(budget)}`}.`,
    ].join("\n"),
  );
  writeFileAtomically(nodeFiles, join(out, READY_SPEC), Buffer.from(document.text()));
  return READY_SPEC;
}

const number = (x: number): string => grouped(Math.floor(x));
/** Hundredths of AUC. */
const points = (x: number): string => (x * 100).toFixed(2);
