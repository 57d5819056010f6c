import { readFileSync } from "node:fs";
import { join } from "node:path";
import { HashbrookError } from "../core/errors.js";
import type { Change } from "../explain/block-quality.js";
import type { FieldGroups } from "../explain/id-groups.js";
import type { Importance } from "../explain/importance.js";
import type { ExplainReport } from "../explain/options.js";
import { EXPLANATION } from "../explain/saved.js";
import { calibrationChart, FIGURES, figuresOf } from "./charts.js";
import type { BarChart, DataTable, Section } from "./content.js";
import { change, whole } from "./numbers.js";

/** Fields with fewer ids have no rare ones worth reporting. */
const FEW_IDS = 50;
/** Most bars of a chart. */
const BARS = 30;

/**
 * The sections from what `explain --save` left in a run's directory, if it is for the spec with this hash. @throws usage if it
 * cannot be read
 */
export function explanationSections(directory: string, hash: string): Section[] {
  const explained = saved(join(directory, EXPLANATION));
  if (!explained || explained.spec_hash !== hash) return [];
  const { importance, ids, reliability, quality, repetitions, block, examples } = explained;
  const events = `${whole(quality.examples)} events, scored by the model of ${whole(examples)} examples`;
  const frequent = ids.filter(({ distinct }) => distinct >= FEW_IDS);
  return [
    {
      id: "importance",
      title: "Field importance",
      note: `Change of quality without a field: with its values permuted within blocks of ${block} events (${repetitions} times), and with the field removed. ${events}. Crosses are recomputed from the changed values.`,
      charts: [
        bars("importance", "Increase of logloss: field permuted", importance, (of) => of.permuted),
        bars("importance-left-out", "Increase of logloss: field removed", importance, (of) => of.left_out),
      ],
      tables: [importanceTable(importance)],
    },
    ...(frequent.length > 0
      ? [
          {
            id: "ids",
            title: "Frequent, rare and unseen ids",
            note: `Head: the most frequent ids, with half of the events. Tail: the other ids. Unseen: ids without a row in the model. ${events}.`,
            tables: [idsTable(frequent)],
          },
        ]
      : []),
    {
      id: "explained-calibration",
      title: "Calibration on the explained events",
      note: events,
      charts: [calibrationChart("explained-calibration", [{ label: "predicted", points: reliability }])],
    },
  ];
}

function saved(path: string): ExplainReport | null {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return null;
  }
  try {
    return JSON.parse(text) as ExplainReport;
  } catch (cause) {
    throw new HashbrookError("usage", `${path}: damaged: not the JSON that explain --save writes`, {
      hint: "write it again, or delete it",
      cause,
    });
  }
}

function bars(
  id: string,
  title: string,
  importance: readonly Importance[],
  of: (one: Importance) => Change | null,
): BarChart {
  const shown = importance
    .flatMap((one) => {
      const { logloss, logloss_se } = of(one) ?? { logloss: null, logloss_se: null };
      return one.source === null || logloss === null ? [] : [{ name: one.name, value: logloss, se: logloss_se }];
    })
    .sort((a, b) => b.value - a.value);
  return { kind: "bars", id, title, x: { label: "change of logloss" }, bars: shown.slice(0, BARS) };
}

function importanceTable(importance: readonly Importance[]): DataTable {
  const cells = (of: Change | null) => (of ? [change(of.logloss, of.logloss_se), change(of.auc, of.auc_se)] : ["", ""]);
  const rows = importance.map(({ name, source, permuted, left_out, changed, crosses }) => [
    name,
    ...cells(permuted),
    ...cells(left_out),
    `${(100 * changed).toFixed(0)} %`,
    source === null ? "the cross alone" : crosses.join(", "),
  ]);
  const heads = ["field", "permuted: logloss", "AUC", "removed: logloss", "AUC", "changed", "affected crosses"];
  return { heads, rows, numeric: [1, 2, 3, 4, 5] };
}

function idsTable(ids: readonly FieldGroups[]): DataTable {
  const rows = ids.flatMap(({ field, ...groups }) =>
    (["head", "tail", "unseen"] as const).flatMap((group) => {
      const of = groups[group];
      return of ? [[field, group, whole(of.ids), whole(of.events), ...figuresOf(of)]] : [];
    }),
  );
  return {
    heads: ["field", "", "ids", "events", ...FIGURES.map(({ name }) => name)],
    rows,
    numeric: [2, 3, 4, 5, 6, 7],
  };
}
