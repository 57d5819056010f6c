import { readFileSync } from "node:fs";
import { builtFile } from "../core/built-file.js";
import { plotFile } from "../core/plot-file.js";
import type { BarChart, Chart, DataTable, ReportData, Section } from "./content.js";
import { escaped, scriptJson } from "./escape.js";
import { inlineBars } from "./svg.js";

/** Content security policy: only what is in the file. */
const POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data:";

/** A report as one self-contained HTML file: no network needed, and without JavaScript everything but the curves is shown. */
export function htmlOf(data: ReportData): string {
  const page = (name: string) => readFileSync(builtFile(`report/page/${name}`), "utf8");
  const charts = data.sections.flatMap(({ charts = [] }) => charts.filter(({ kind }) => kind === "lines"));
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escaped(data.title)}</title>
<link rel="icon" href="data:,">
<style>${plotFile("uPlot.min.css")}
${page("report.css")}</style>
</head>
<body>
<header><h1>${escaped(data.title)}</h1><p>${escaped(data.subtitle)}</p></header>
<nav>${data.sections.map(({ id, title }) => `<a href="#${escaped(id)}">${escaped(title)}</a>`).join(" ")}</nav>
<main>
${data.sections.map(sectionOf).join("\n")}
</main>
<script type="application/json" id="charts">${scriptJson(charts)}</script>
<script>${plotFile("uPlot.iife.min.js")}</script>
<script>${page("report.js")}</script>
</body>
</html>
`;
}

function sectionOf({ id, title, note, charts = [], tables = [], text, folded }: Section): string {
  const content = [
    note ? `<p>${escaped(note)}</p>` : "",
    charts.length > 0 ? `<div class="charts">${charts.map(figureOf).join("")}</div>` : "",
    ...tables.map(tableOf),
    text === undefined ? "" : `<pre>${linesOf(text)}</pre>`,
  ].join("\n");
  const heading = `<h2>${escaped(title)}</h2>`;
  const inside = folded ? `<details><summary>${heading}</summary>${content}</details>` : heading + content;
  return `<section id="${escaped(id)}">${inside}</section>`;
}

function figureOf(chart: Chart | BarChart): string {
  if (chart.kind === "bars") return `<figure>${inlineBars(chart)}</figure>`;
  const { id, title, series } = chart;
  const empty = series.every(({ points }) => points.every(({ y }) => y === null));
  const inside = empty ? "<p>No data yet.</p>" : `<div class="plot" data-chart="${escaped(id)}"></div>`;
  return `<figure><figcaption>${escaped(title)}</figcaption>${inside}</figure>`;
}

function tableOf({ heads, rows, numeric = heads.map((_, i) => i).slice(1) }: DataTable): string {
  const cell = (kind: "th" | "td", text: string, i: number) =>
    `<${kind}${numeric.includes(i) ? ' class="number"' : ""}>${escaped(text)}</${kind}>`;
  const row = (kind: "th" | "td", texts: readonly string[]) =>
    `<tr>${texts.map((text, i) => cell(kind, text, i)).join("")}</tr>`;
  return `<div class="table" tabindex="0"><table><thead>${row("th", heads)}</thead><tbody>${rows.map((texts) => row("td", texts)).join("")}</tbody></table></div>`;
}

/** Colours the lines of a diff. */
function linesOf(text: string): string {
  const classes: Readonly<Record<string, string>> = { "+": "added", "-": "removed" };
  return text
    .split("\n")
    .map((line) => {
      const is = /^[+-] /.test(line) ? classes[line[0]] : undefined;
      return is ? `<span class="${is}">${escaped(line)}</span>` : escaped(line);
    })
    .join("\n");
}
