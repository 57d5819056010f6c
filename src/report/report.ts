import { join } from "node:path";
import { checkArguments } from "../core/arguments.js";
import { nodeFiles, outputError } from "../core/files.js";
import { writeOutput } from "../core/output.js";
import { reportData } from "./collect.js";
import { htmlOf } from "./html.js";
import { svgOf } from "./svg.js";

/** What to report on, and where to write it. */
export interface ReportOptions {
  /** The directory of a training run, or of models that learned side by side. */
  readonly directory: string;
  /** The HTML file. Default: report.html in the directory. */
  readonly out?: string | undefined;
  /** Directory for every chart as an SVG file. Default: none. */
  readonly svg?: string | undefined;
}

/** What was written. */
export interface WrittenReport {
  /** The HTML file. */
  readonly html: string;
  /** The SVG files. */
  readonly svgs: readonly string[];
}

/**
 * Writes the report of a run as one HTML file that works offline, and its charts as SVG files.
 * @throws HashbrookError checkpoint_missing, checkpoint_damaged, source_unreadable if a file cannot be written
 */
export async function writeReport(options: ReportOptions): Promise<WrittenReport> {
  checkArguments("writeReport", options, { directory: "path", out: "?path", svg: "?path" });
  const { directory, out, svg } = options;
  const data = await reportData(directory);
  const html = out ?? join(directory, "report.html");
  await write(html, htmlOf(data));
  if (svg === undefined) return { html, svgs: [] };
  makeFolder(svg);
  const svgs: string[] = [];
  for (const chart of data.sections.flatMap(({ charts = [] }) => charts)) {
    const path = join(svg, `${chart.id}.svg`);
    await write(path, svgOf(chart));
    svgs.push(path);
  }
  return { html, svgs };
}

// "-" is a file's name here: standard output has the names of what was written.
const write = (path: string, text: string) => writeOutput(path === "-" ? "./-" : path, Buffer.from(text));

function makeFolder(path: string): void {
  try {
    nodeFiles.mkdir(path);
  } catch (error) {
    throw outputError(path, error);
  }
}
