import { systemClock } from "../core/clock.js";
import { noteCommand } from "../train/commands-file.js";
import type { Progress, Report } from "../train/metrics/report.js";
import { progressReporter } from "./progress.js";
import { startTeller } from "./started.js";
import { printReport, tellPassedOver } from "./summary.js";
import { tellProgressWarnings } from "./warnings.js";

/** What a training run is called with. */
export interface RunLine {
  /** The run's directory. */
  readonly out: string;
  /** The command line, which the directory keeps. */
  readonly line: readonly string[];
  readonly topic: string | undefined;
  readonly json: boolean;
}

/** What the terminal, or the program that reads `--json`, is shown of a run. */
export class ShownRun {
  private readonly run: RunLine;
  private readonly reporter;
  private readonly tellStarted = startTeller();
  private noted = false;

  constructor(run: RunLine) {
    this.run = run;
    this.reporter = progressReporter(process.stderr, { now: () => systemClock.now(), json: run.json });
  }

  progress(now: Progress): void {
    // Not before the directory belongs to this run and contains something of it: rejected events alone do not make a run.
    if (now.examples > 0) this.note();
    tellPassedOver(now.passed_over);
    this.tellStarted(now.started);
    tellProgressWarnings(now, this.run.topic);
    this.reporter.show(now);
  }

  /** @param report null: another process of the run reports */
  end(report: Report | null): void {
    if (report) this.note();
    this.reporter.end();
    this.tellStarted(report?.started);
    if (report) printReport(report, this.run.json);
  }

  private note(): void {
    if (!this.noted) noteCommand(this.run.out, this.run.line);
    this.noted = true;
  }
}
