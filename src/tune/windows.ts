import { cellsOf, comparePaired, type PairedDifference, pairsOf } from "../metrics/paired.js";
import { type ScoreBlock, type ScoredStream, widened } from "../metrics/score-blocks.js";

/** A range of a stream, by positions of events (learned and rejected). */
export interface Window {
  /** The first event. */
  readonly from: number;
  /** The position after the last event. */
  readonly to: number;
}

/** Quality of a model on a window of the stream, each event scored before it was learned. */
export interface WindowQuality extends Window {
  /** Area under the ROC curve. */
  readonly auc: number;
  /** Mean logarithmic loss, in nats. */
  readonly logloss: number;
  /** Logloss ÷ that of always predicting the click rate. */
  readonly normalized_entropy: number;
}

/** The same, with the difference to the reference on the same events. */
export interface Standing extends WindowQuality {
  /** AUC minus the reference's; the paired standard error follows. */
  readonly auc_difference: number;
  /** Standard error of `auc_difference`; null if the window is too short. */
  readonly auc_se: number | null;
  /** Logloss minus the reference's on the same events, paired. */
  readonly logloss_difference: number;
  /** Standard error of `logloss_difference`. */
  readonly logloss_se: number | null;
}

/** The end of the completely scored part. */
export const scoredTo = ({ width, blocks }: ScoredStream): number => width * blocks.length;

/** The blocks within a window, at its width or two, four, … times as wide: the window is trimmed to whole blocks. */
function within(
  stream: ScoredStream,
  { from, to }: Window,
  width: number,
): { window: Window; blocks: readonly ScoreBlock[] } {
  const first = Math.ceil(from / width);
  const last = Math.floor(to / width);
  return { window: { from: first * width, to: last * width }, blocks: widened(stream, width).slice(first, last) };
}

/** The results of a model and the reference on a window. null if one class is missing there, or nothing was scored. */
export function standing(reference: ScoredStream, other: ScoredStream, asked: Window): Standing | null {
  const width = Math.max(reference.width, other.width);
  const { window, blocks } = within(other, asked, width);
  const quality = qualityOf(blocks);
  if (!quality) return null;
  const paired = comparePaired({ width, blocks: within(reference, asked, width).blocks }, { width, blocks });
  return { ...window, ...quality, ...differences(paired) };
}

function differences({ auc, logloss }: PairedDifference) {
  return {
    auc_difference: auc?.difference ?? 0,
    auc_se: auc?.se ?? null,
    logloss_difference: logloss.difference,
    logloss_se: logloss.se,
  };
}

function qualityOf(blocks: readonly ScoreBlock[]): Omit<WindowQuality, keyof Window> | null {
  const sum = (name: "weight" | "positive" | "loss") => blocks.reduce((all, block) => all + block[name], 0);
  const weight = sum("weight");
  const positive = sum("positive");
  const loss = sum("loss");
  if (!(positive > 0 && positive < weight)) return null;
  const rate = positive / weight;
  const logloss = loss / weight;
  return {
    auc: pairsOf(cellsOf(blocks)) / (positive * (weight - positive)),
    logloss,
    normalized_entropy: logloss / -(rate * Math.log(rate) + (1 - rate) * Math.log1p(-rate)),
  };
}
