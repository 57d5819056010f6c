import type { Report } from "../src/train/job.js";
import { globo } from "./lib/globo.js";
import type { Measured } from "./lib/measured.js";
import { type FwumiousWabbit, fwumiousWabbit, peersText, ratio, result, trainedFrom } from "./lib/peers.js";
import { round } from "./lib/run.js";

const MODEL = "features/globo-ffm.yaml";
const RUNS = 3;
/** Its features are named A to J in the text made for it; k and rates as ours are given in features/globo-ffm.yaml, tuned on the same events. */
const FIELDS = [..."ABCDEFGHIJ"].map((letter) => `--ffm_field ${letter}`).join(" ");
const PEER = `-b 24 -l 0.2 --ffm_k 4 --ffm_bit_precision 24 --ffm_learning_rate 0.2 ${FIELDS}`;

/**
 * ffm on Globo's first 2 M events, k = 4, ten fields and no crosses, from a text file to a checkpoint; in the same run, where
 * FW=PATH names its program, Fwumious Wabbit's. Whole processes, their starts included; both save their model.
 */
export async function run({ smoke }: { smoke: boolean }): Promise<object> {
  const data = globo(smoke ? 1_000 : 400_000);
  if (data === null) return { skipped: "no Globo data" };
  const binary = smoke ? undefined : process.env.FW;
  const text = binary && peersText(data, "globo-linear");
  const ours: Measured[] = [];
  const fw: Measured[] = [];
  let report: Report | undefined;
  for (let i = 0; i < (smoke ? 1 : RUNS); i++) {
    const { report: now, times } = trainedFrom(MODEL, data);
    if (report && now.logloss !== report.logloss) throw new Error("runs differ");
    if (now.skipped > 0 || now.rejected > 0 || !(now.auc! > 0.5))
      throw new Error(`AUC ${now.auc} of ${now.examples} events`);
    report = now;
    ours.push(times);
    if (binary && text) fw.push(...fwumiousWabbit(binary, text, PEER).text);
  }
  const { examples, auc, logloss } = report!;
  const hashbrookResult = { ...result(examples, ours), auc: round(auc!, 5), logloss: round(logloss, 5) };
  const peer = binary && text ? { ...result(examples, fw), args: PEER, ...qualityOf(binary, text, examples) } : null;
  return {
    what: "ffm, k = 4, ten fields of Globo, text file to checkpoint, whole processes: the least of the runs",
    events: examples,
    hashbrook: hashbrookResult,
    fw: peer ?? "skipped: FW=PATH did not name a built program",
    ...(peer && { ratio: ratio(hashbrookResult, peer) }),
  };
}

/** By the predictions of a run of its own, which is not timed. */
function qualityOf(binary: string, text: string, events: number): Pick<FwumiousWabbit, "auc" | "logloss"> {
  const { auc, logloss } = fwumiousWabbit(binary, text, PEER, "--check", String(events), "--runs", "0");
  return { auc, logloss };
}
