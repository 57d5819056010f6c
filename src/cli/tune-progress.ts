import { bytes } from "../core/digits.js";
import type { TuneProgress } from "../tune/options.js";
import { count, duration, figure } from "./progress.js";
import { profileText } from "./tune-text.js";

/** Milliseconds between two lines of a log, and between two JSON lines. */
const LOG_MS = 5000;
const JSON_MS = 1000;
/** Stages whose line stays, and is never left out. */
const LASTING: ReadonlySet<TuneProgress["stage"]> = new Set(["refused", "profiled", "rung"]);

/**
 * Shows the progress of tuning on standard error: a line rewritten in place on a terminal, otherwise lines now and
 * then, or JSON lines.
 */
export function tuneProgress(
  stream: Pick<NodeJS.WriteStream, "write" | "isTTY">,
  now: () => number,
  json: boolean,
): { show: (progress: TuneProgress) => void; end: () => void } {
  let last = Number.NEGATIVE_INFINITY;
  let open = false;
  const line = (text: string) => {
    stream.write(`${open ? "\r\x1b[2K" : ""}${text}\n`);
    open = false;
  };
  const show = (progress: TuneProgress) => {
    const lasting = LASTING.has(progress.stage);
    if (json) {
      if (lasting || now() - last >= JSON_MS) stream.write(`${JSON.stringify({ progress: brief(progress) })}\n`);
    } else if (progress.stage === "profiled") line(profileText(progress.profile));
    else if (lasting) line(progressText(progress));
    else if (stream.isTTY) {
      stream.write(`\r\x1b[2K${progressText(progress)}`);
      open = true;
    } else if (now() - last >= LOG_MS) line(progressText(progress));
    else return;
    if (!lasting) last = now();
  };
  return { show, end: () => open && stream.write("\n") };
}

/** Without the profile, which is in the report. */
function brief(progress: TuneProgress): object {
  return progress.stage === "profiled" ? { stage: "profiled", events: progress.profile.events } : progress;
}

function progressText(progress: Exclude<TuneProgress, { stage: "profiled" }>): string {
  if (progress.stage === "refused") return `left out: ${progress.error.replaceAll("\n", "; ")}`;
  if (progress.stage === "rung")
    return `after ${count(progress.events)} events: ${progress.kept} of ${progress.kept + progress.left} candidates continue`;
  if (progress.stage === "train") {
    const { done, seconds, candidates, leader } = progress;
    const eta = done > 0 ? ` · at most ${duration((seconds * (1 - done)) / done)} more` : "";
    return `training: ${Math.floor(done * 100)} %${eta} · ${candidates} candidates · best: ${leader ? `${leader.name} AUC ${figure(leader.auc)}` : "–"}`;
  }
  const share = progress.done === null ? "" : `${Math.floor(progress.done * 100)} % · `;
  return `${progress.stage}: ${share}${count(progress.events)} events`;
}

export { bytes };
