import { HashbrookError } from "../../core/errors.js";
import type { TrainOptions } from "../train.js";

/** The files of `validate`. @throws HashbrookError usage if the options about validation contradict each other */
export function validationFiles(options: TrainOptions): readonly string[] {
  const files = [options.validate ?? []].flat();
  const problem = contradiction(options, files.length > 0);
  if (problem) throw new HashbrookError("usage", problem.message, { hint: problem.hint });
  return files;
}

/** What is wrong with the options, and the remedy; null: nothing. @param named files are given */
function contradiction(options: TrainOptions, named: boolean): { message: string; hint: string } | null {
  const { topic, publish, follower, validateLast, earlyStop } = options;
  const heldOut = validateLast != null;
  const stopsEarly = earlyStop != null;
  if (named && heldOut)
    return { message: "--validate and --validate-last cannot be combined", hint: "use one of them" };
  if ((named || heldOut) && topic)
    return {
      message: "--validate: not supported for a topic, which has no epochs",
      hint: "score files with a checkpoint: hashbrook eval --checkpoint DIR --data FILES",
    };
  if (stopsEarly && !named && !heldOut)
    return {
      message: "--early-stop: needs validation events",
      hint: "add --validate FILES or --validate-last 20%",
    };
  if (stopsEarly && (publish?.urls?.length || follower))
    return {
      message: "--early-stop: followers cannot return to an earlier epoch",
      hint: "publish from a run without --early-stop",
    };
  if (heldOut && !(validateLast > 0 && validateLast < 1))
    return {
      message: `--validate-last ${validateLast}: must be between 0 and 1`,
      hint: "20% or 0.2 holds out the last fifth",
    };
  return null;
}
