import { basename, join } from "node:path";
import { readTogether } from "../checkpoints/together-file.js";
import { systemClock } from "../core/clock.js";
import { grouped } from "../core/digits.js";
import { errorFacts, HashbrookError } from "../core/errors.js";
import { kebab } from "../core/texts.js";
import { loadSpec } from "../spec/parse.js";
import { namesOf as filesOf } from "../train/files/named-files.js";
import { writeTogether } from "../train/together/directory.js";
import type { TogetherOptions, TogetherReport } from "../train/together/options.js";
import { trainTogether } from "../train/together/together.js";
import { stopSignal } from "./signals.js";
import { standingLines, standingsReporter } from "./standings.js";
import { tellPassedOver, tellSpecWarning } from "./summary.js";

/** The flags of `train` for several models. */
export interface TogetherFlags extends Omit<TogetherOptions, "contenders" | "onProgress" | "signal"> {
  readonly models: readonly string[];
  readonly out: string;
  readonly json: boolean;
}

/**
 * Names of the models: the spec files' names without extension; a repeated name gets a number.
 * @param paths of specs
 */
export function namesOf(paths: readonly string[]): string[] {
  const names: string[] = [];
  for (const path of paths) {
    const name = basename(path).replace(/\.ya?ml$/i, "") || "model";
    let unique = name;
    for (let n = 2; names.includes(unique); n++) unique = `${name}-${n}`;
    names.push(unique);
  }
  return names;
}

/** `train` with several models: each learns in its own directory below `out`. */
export async function runTogether({ models, out, json, ...options }: TogetherFlags): Promise<void> {
  const names = namesOf(models);
  const contenders = models.map((path, i) => ({
    name: names[i],
    spec: loadSpec(path, tellSpecWarning),
    out: join(out, names[i]),
  }));
  // Missing files are noticed before anything is written.
  if (options.data?.length) filesOf([options.data].flat());
  writeTogether(out, contenders, readTogether(out), options.resume ?? false);
  const { signal, release } = stopSignal();
  const progress = standingsReporter(process.stderr, { now: () => systemClock.now(), json });
  try {
    const report = await trainTogether({ ...options, out, contenders, signal, onProgress: progress.show });
    progress.end();
    print(report, json);
  } finally {
    release();
  }
}

function print(report: TogetherReport, json: boolean): void {
  for (const { name, report: own, error } of report.contenders) {
    if (own) tellPassedOver(own.passed_over);
    if (!error) continue;
    process.stderr.write(`hashbrook: ${name} failed: ${error.message}${error.hint ? `\n  ${error.hint}` : ""}\n`);
    process.exitCode = errorFacts[error.code].exit;
  }
  process.stdout.write(json ? `${JSON.stringify(report)}\n` : `${summary(report)}\n`);
}

function summary(report: TogetherReport): string {
  const learned = report.contenders.flatMap(({ name, report }) => (report ? [{ name, report }] : []));
  const [first] = learned;
  const contenders = learned.map(({ name, report: { bytes_total, ...quality } }) => ({
    name,
    quality,
    bytes: bytes_total,
  }));
  const threads = `decoded by ${report.decoders} thread${report.decoders > 1 ? "s" : ""}, learned by ${report.workers}`;
  return [
    `${grouped(first.report.examples)} examples in ${report.seconds.toFixed(1)} s, ${threads}, ended by: ${first.report.ended_by}`,
    ...standingLines({ contenders, pairs: report.pairs }).map((line) => `  ${line}`),
    ...learned.map(({ report: { checkpoint } }) => `  checkpoint ${checkpoint}`),
  ].join("\n");
}

/** Refuses flags that need a single model. */
export function refuseForOne(flags: Readonly<Record<string, unknown>>): void {
  for (const [name, value] of Object.entries(flags)) {
    if (value === undefined) continue;
    const flag = `--${kebab(name)}`;
    throw new HashbrookError("usage", `${flag}: cannot be used with several --model`, {
      hint: `give one --model, or remove ${flag}; each model's directory can be served or continued by itself`,
    });
  }
}
