import { rmSync } from "node:fs";
import { join } from "node:path";
import { checkArguments } from "../core/arguments.js";
import { HashbrookError } from "../core/errors.js";
import { trainTogether } from "../train/together/together.js";
import { Ledger, type LedgerRow } from "./ledger.js";
import { fingerprintsOf, type Question } from "./question.js";
import type { Plan } from "./session.js";
import { entrantsOf } from "./tune.js";
import { type Standing, standing } from "./windows.js";

/** A reproduced row of a ledger. */
export interface AgainReport {
  /** Its number. */
  readonly row: number;
  /** The model of the row. */
  readonly name: string;
  /** The figures in the ledger. */
  readonly then: Standing;
  /** The figures now. */
  readonly now: Standing;
  /** Whether all figures are equal. */
  readonly same: boolean;
}

/**
 * Trains the model of a ledger's row again, beside the reference, on the same events.
 * @throws HashbrookError usage if the row has no figures; ledger_mismatch if the data have changed; as training
 */
export async function tuneAgain(
  directory: string,
  number: number,
  options: { readonly workers?: number | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<AgainReport> {
  checkArguments("tuneAgain", { directory, number }, { directory: "path", number: "number" });
  const ledger = new Ledger(directory);
  const row = rowOf(ledger, number);
  const [{ question }] = ledger.rows as unknown as { question: Question }[];
  const [{ plan }] = ledger.of("plan") as unknown as { plan: Plan }[];
  await checkData(ledger, question);
  const scratch = join(directory, "again");
  rmSync(scratch, { recursive: true, force: true });
  const { reference, entrants } = entrantsOf(plan, directory);
  const one = entrants.find(({ name }) => name === row.name);
  const contenders = [reference, ...(one ? [one] : [])].map((entrant, i) => ({
    ...entrant,
    out: join(scratch, String(i)),
  }));
  try {
    const report = await trainTogether({
      ...options,
      contenders,
      data: question.data,
      limit: row.events as number,
      checkpointSeconds: 0,
    });
    if (options.signal?.aborted)
      throw new HashbrookError("request_aborted", `stopped before row ${number} was computed again`);
    const [first, last = first] = report.contenders;
    const then = figuresOf(row as unknown as Standing);
    const now = figuresOf(standing(first.scores!, last.scores!, then)!);
    return { row: number, name: row.name as string, then, now, same: JSON.stringify(then) === JSON.stringify(now) };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

function rowOf(ledger: Ledger, number: number): LedgerRow {
  const row = ledger.rows[number];
  if (row && (row.kind === "rung" || row.kind === "judged")) return row;
  const rows = ledger.rows.filter(({ kind }) => kind === "rung" || kind === "judged").map((one) => one.row);
  throw new HashbrookError("usage", `${ledger.path}: row ${number} has no results of a candidate`, {
    hint: rows.length > 0 ? `use one of rows ${rows[0]} to ${rows.at(-1)}` : "no candidate has been compared yet",
  });
}

async function checkData(ledger: Ledger, { data, fingerprints }: Question): Promise<void> {
  const now = await fingerprintsOf(data);
  if (now.join("\n") === fingerprints.join("\n")) return;
  throw new HashbrookError("ledger_mismatch", `${ledger.path}: the data have changed since it was written`, {
    hint: `restore ${data.join(" ")} as they were then`,
  });
}

/** The figures of a row that are compared. */
function figuresOf(row: Standing): Standing {
  const { from, to, auc, logloss, normalized_entropy, auc_difference, auc_se, logloss_difference, logloss_se } = row;
  return { from, to, auc, logloss, normalized_entropy, auc_difference, auc_se, logloss_difference, logloss_se };
}
