import type { Report } from "../src/train/metrics/report.js";
import { globo } from "./lib/globo.js";
import type { Measured } from "./lib/measured.js";
import { fwumiousWabbit, peersText, ratio, result, trainedFrom } from "./lib/peers.js";
import { round } from "./lib/run.js";

const RUNS = 3;
/** Its features are named A to J in the generated text; k and learning rates are those of features/globo-ffm.yaml, tuned on the same events. */
const FIELDS = [..."ABCDEFGHIJ"].map((letter) => `--ffm_field ${letter}`).join(" ");
const FFM = `-b 24 -l 0.2 --ffm_k 4 --ffm_bit_precision 24 --ffm_learning_rate 0.2 ${FIELDS}`;
/** The best of learning rates 0.02, 0.05, 0.1 for the network. */
const LAYERS = "--nn 0:width:32 --nn 0:activation:relu --nn 1:width:16 --nn 1:activation:relu";
const DEEP = `${FFM} --nn_layers 2 ${LAYERS} --nn_learning_rate 0.05`;

interface Side {
  readonly model: string;
  readonly options: readonly string[];
  readonly peer?: string;
}

/** Fwumious Wabbit has one thread; so do we for models with a graph. */
const sides: Readonly<Record<string, Side>> = {
  ffm: { model: "globo-ffm", options: [], peer: FFM },
  ffm_wide: { model: "globo-ffm-wide", options: [] },
  deep_ffm: { model: "globo-deep-ffm", options: ["--threads", "1"], peer: DEEP },
  deep_ffm_two_threads: { model: "globo-deep-ffm", options: ["--threads", "2"] },
};

/**
 * ffm and deep_ffm on Globo's first 2 M events, k = 4, ten fields, from a text file to a checkpoint; in the same run, if
 * FW=PATH names its program, Fwumious Wabbit. Whole processes including their start; all save their model.
 */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const data = globo(smoke ? 1_000 : 400_000);
  if (data === null) return { skipped: "no Globo data" };
  const binary = smoke ? undefined : process.env.FW;
  const text = binary && peersText(data, "globo-linear");
  const peer = binary && text ? { binary, text } : undefined;
  const ours = new Map(Object.keys(sides).map((name): [string, Ours] => [name, { runs: [] }]));
  const theirs = new Map(Object.keys(sides).map((name): [string, Measured[]] => [name, []]));
  for (let i = 0; i < (smoke ? 1 : RUNS); i++) {
    for (const [name, side] of Object.entries(sides)) {
      learn(side, data, ours.get(name)!);
      if (peer && side.peer) theirs.get(name)!.push(...fwumiousWabbit(peer.binary, peer.text, side.peer).text);
    }
  }
  const told = Object.entries(sides).map(([name, side]) => [
    name,
    compared(side, ours.get(name)!, theirs.get(name)!, peer),
  ]);
  return {
    what: "k = 4, ten fields of Globo, text file to checkpoint, whole processes: the least of the runs",
    events: ours.get("ffm")!.report!.examples,
    ...Object.fromEntries(told),
  };
}

interface Ours {
  readonly runs: Measured[];
  report?: Report;
}

/** One more run; its result is checked, and is the same every time. */
function learn({ model, options }: Side, data: string, ours: Ours): void {
  const { report, times } = trainedFrom(`features/${model}.yaml`, data, ...options);
  if (ours.report && report.logloss !== ours.report.logloss) throw new Error(`${model}: runs differ`);
  if (report.skipped > 0 || report.rejected > 0 || !(report.auc! > 0.5))
    throw new Error(`${model}: AUC ${report.auc} of ${report.examples} events`);
  ours.report = report;
  ours.runs.push(times);
}

function compared(
  { peer: args }: Side,
  { runs, report }: Ours,
  theirs: readonly Measured[],
  peer: { readonly binary: string; readonly text: string } | undefined,
): object {
  const { examples, auc, logloss, second_half } = report!;
  const quality = { auc: round(auc!, 5), second_half_auc: round(second_half.auc, 5), logloss: round(logloss, 5) };
  const hashbrook = { ...result(examples, runs), ...quality };
  if (!args) return { hashbrook };
  if (!peer) return { hashbrook, fw: "skipped: FW=PATH did not name a built program" };
  // From the predictions of a separate run, which is not timed.
  const checked = fwumiousWabbit(peer.binary, peer.text, args, "--check", String(examples), "--runs", "0");
  const fw = { ...result(examples, theirs), args, auc: checked.auc, logloss: checked.logloss };
  return { hashbrook, fw, ratio: ratio(hashbrook, fw) };
}
