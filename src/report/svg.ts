import type { Axis, BarChart, Chart, Point, Series } from "./content.js";
import { escaped } from "./escape.js";
import { short } from "./numbers.js";

const WIDTH = 640;
const HEIGHT = 360;
const PLOT = { left: 64, right: 16, top: 56, bottom: 44 };
/** Colours defined by the page or the style below. */
const COLOURS = 12;
const LEGEND_LINE = 16;
const BAR_HEIGHT = 20;
const BARS_WIDTH = 440;
const NAME_WIDTH = 160;
const MOST_NAME = 22;
/** Maximum number of points of a line with markers. */
const MARKED = 40;
/** Most labels beside points. */
const NAMED = 12;

const STYLE = `<style>
svg{--ink:#1b1f24;--faint:#59636e;--line:#d5d9de;--paper:#fff;--c0:#1663c7;--c1:#c2410c;--c2:#1a7f37;--c3:#8250df;--c4:#9a6700;--c5:#bf3989;--c6:#0e7490;--c7:#57606a;--c8:#b91c1c;--c9:#65700f;--c10:#1e3a8a;--c11:#7c4a2d}
@media (prefers-color-scheme:dark){svg{--ink:#e6e9ed;--faint:#9aa4af;--line:#363d46;--paper:#1c2128;--c0:#6cabff;--c1:#ffa05c;--c2:#4cc26a;--c3:#c297ff;--c4:#e3b341;--c5:#ff80c8;--c6:#4dd0e1;--c7:#b1bac4;--c8:#ff7b72;--c9:#c0ca33;--c10:#9fa8ff;--c11:#d7a98a}}
</style>`;

/** A chart as a separate SVG file, for light and dark mode. */
export function svgOf(chart: Chart | BarChart): string {
  const bars = chart.kind === "bars";
  const width = bars ? BARS_WIDTH : WIDTH;
  const { body, height } = bars ? barsOf(chart) : linesOf(chart);
  const paper = `<rect width="${width}" height="${height}" style="fill:var(--paper)"/>`;
  return `${open(width, height)}<title>${escaped(chart.title)}</title>${STYLE}${paper}${body}</svg>\n`;
}

/** Bars within a page, whose style has the colours. */
export function inlineBars(chart: BarChart): string {
  const { body, height } = barsOf(chart);
  return `${open(BARS_WIDTH, height, ` role="img" aria-label="${escaped(chart.title)}"`)}${body}</svg>`;
}

const open = (width: number, height: number, more = "") =>
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="system-ui,sans-serif" font-size="12"${more}>`;

/** Numbers to pixels. */
interface Scale {
  readonly at: (value: number) => number;
  readonly ticks: readonly number[];
}

/** @param values at least one */
function scaleOf(values: readonly number[], { log }: Axis, from: number, to: number): Scale {
  const shown = values.filter((value) => Number.isFinite(value) && (!log || value > 0));
  const [least, most] = spread(shown.length > 0 ? shown : [log ? 1 : 0], log);
  const place = log ? Math.log : (value: number) => value;
  const a = place(least);
  const b = place(most);
  const at = (value: number) => from + ((place(value) - a) / (b - a)) * (to - from);
  return { at, ticks: log ? logTicks(least, most) : ticks(least, most) };
}

/** Minimum and maximum, with a margin. */
function spread(values: readonly number[], log: boolean | undefined): [number, number] {
  const least = values.reduce((a, b) => Math.min(a, b));
  const most = values.reduce((a, b) => Math.max(a, b));
  if (log) return [least / 1.3, most * 1.3];
  const room = (most - least) * 0.05 || Math.abs(most) * 0.05 || 1;
  return [least >= 0 && least - room < 0 ? 0 : least - room, most + room];
}

/** Four to ten round numbers in a range. */
export function ticks(least: number, most: number): number[] {
  const raw = (most - least) / 5;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((n) => n * power).find((n) => n >= raw)!;
  const first = Math.ceil(least / step);
  const count = Math.floor(most / step) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

function logTicks(least: number, most: number): number[] {
  const powers = ticksOfPowers(Math.log10(least), Math.log10(most), [1]);
  return powers.length >= 2 ? powers : ticksOfPowers(Math.log10(least), Math.log10(most), [1, 2, 5]);
}

function ticksOfPowers(from: number, to: number, steps: readonly number[]): number[] {
  const all: number[] = [];
  for (let power = Math.floor(from); power <= to; power++) for (const step of steps) all.push(step * 10 ** power);
  const inside = all.filter((value) => Math.log10(value) >= from && Math.log10(value) <= to);
  const every = Math.ceil(inside.length / 8);
  return inside.filter((_, i) => i % every === 0);
}

function linesOf(chart: Chart): { body: string; height: number } {
  const points = chart.series.flatMap((series) => series.points).filter(({ y }) => y !== null);
  const ys = points.flatMap(({ y, se }) => [y! - (se ?? 0), y! + (se ?? 0)]);
  const xs = points.map(({ x }) => x);
  const x = scaleOf(xs.length > 0 ? xs : [0], chart.x, PLOT.left, WIDTH - PLOT.right);
  const y = scaleOf(ys.length > 0 ? ys : [0], chart.y, HEIGHT - PLOT.bottom, PLOT.top);
  const series = chart.series.map((one, i) => seriesOf(one, i, x, y)).join("");
  const { labels, more } = legend(chart);
  const title = text(chart.title, PLOT.left - 48, 20, "ink", ' font-size="14" font-weight="600"');
  const plot = `<g transform="translate(0 ${more})">${grid(chart, x, y)}${series}</g>`;
  return { body: title + labels + plot, height: HEIGHT + more };
}

/** @returns the series' names, and how much lower the plot begins if they take more than one line */
function legend({ series }: Chart): { labels: string; more: number } {
  if (series.length < 2) return { labels: "", more: 0 };
  let at = PLOT.left;
  let more = 0;
  const labels = series.map(({ label }, i) => {
    const shown = shortened(label, 40);
    const width = 34 + shown.length * 6.4;
    if (at + width > WIDTH && at > PLOT.left) [at, more] = [PLOT.left, more + LEGEND_LINE];
    const part = `<rect x="${at}" y="${34 + more}" width="10" height="10" style="fill:${colour(i)}"/>${text(shown, at + 15, 43 + more, "faint")}`;
    at += width;
    return part;
  });
  return { labels: labels.join(""), more };
}

function grid({ x: xAxis, y: yAxis }: Chart, x: Scale, y: Scale): string {
  const left = PLOT.left;
  const right = WIDTH - PLOT.right;
  const bottom = HEIGHT - PLOT.bottom;
  const across = y.ticks.map(
    (tick) =>
      line(left, y.at(tick), right, y.at(tick), "line") + text(short(tick), left - 6, y.at(tick) + 4, "faint", END),
  );
  const up = x.ticks.map((tick) => text(short(tick), x.at(tick), bottom + 16, "faint", MIDDLE));
  const labels =
    text(xAxis.label, (left + right) / 2, HEIGHT - 8, "faint", MIDDLE) +
    text(
      yAxis.label,
      14,
      (PLOT.top + bottom) / 2,
      "faint",
      `${MIDDLE} transform="rotate(-90 14 ${(PLOT.top + bottom) / 2})"`,
    );
  return across.join("") + up.join("") + labels;
}

function seriesOf({ points, style }: Series, index: number, x: Scale, y: Scale): string {
  const known = points.filter(
    (point): point is Point & { y: number } =>
      point.y !== null && Number.isFinite(x.at(point.x)) && Number.isFinite(y.at(point.y)),
  );
  const place = (point: Point & { y: number }) => `${round(x.at(point.x))},${round(y.at(point.y))}`;
  const dash = style === "dashed" ? ' stroke-dasharray="5 4"' : "";
  const path =
    style === "points" || known.length < 2
      ? ""
      : `<polyline points="${known.map(place).join(" ")}" fill="none" stroke-width="1.6"${dash} style="stroke:${colour(index)}"/>`;
  const marked = style === "points" || (style === undefined && known.length <= MARKED) || known.length === 1;
  const dots = known.map((point) => {
    const px = round(x.at(point.x));
    const py = round(y.at(point.y));
    const dot = marked ? `<circle cx="${px}" cy="${py}" r="3" style="fill:${colour(index)}"/>` : "";
    const named = point.name !== undefined && known.length <= NAMED;
    return (
      whisker(point, index, x, y) +
      dot +
      (named ? text(shortened(point.name!, MOST_NAME), px + 6, py - 6, "faint") : "")
    );
  });
  return path + dots.join("");
}

function whisker({ x: at, y: value, se }: Point, index: number, x: Scale, y: Scale): string {
  if (!se || value === null) return "";
  const px = round(x.at(at));
  return `<line x1="${px}" x2="${px}" y1="${round(y.at(value - se))}" y2="${round(y.at(value + se))}" style="stroke:${colour(index)}"/>`;
}

function barsOf({ title, x: axis, bars }: BarChart): { body: string; height: number } {
  const height = 64 + bars.length * BAR_HEIGHT + 30;
  const ends = bars.flatMap(({ value, se }) => [value - (se ?? 0), value + (se ?? 0)]);
  const x = scaleOf([0, ...ends], axis, NAME_WIDTH, BARS_WIDTH - PLOT.right);
  const bottom = height - 40;
  const up = x.ticks.map(
    (tick) =>
      line(x.at(tick), 34, x.at(tick), bottom, "line") + text(short(tick), x.at(tick), bottom + 15, "faint", MIDDLE),
  );
  const drawn = bars.map(({ name, value, se }, i) => {
    const top = 38 + i * BAR_HEIGHT;
    const from = Math.min(x.at(0), x.at(value));
    const to = Math.max(x.at(0), x.at(value));
    const box = `<rect x="${round(from)}" y="${top + 3}" width="${round(Math.max(1, to - from))}" height="${BAR_HEIGHT - 7}" style="fill:${colour(0)}"/>`;
    const error = se ? line(x.at(value - se), top + BAR_HEIGHT / 2, x.at(value + se), top + BAR_HEIGHT / 2, "ink") : "";
    return text(shortened(name, MOST_NAME), NAME_WIDTH - 8, top + 14, "ink", END) + box + error;
  });
  const label = text(axis.label, (NAME_WIDTH + BARS_WIDTH) / 2, height - 8, "faint", MIDDLE);
  return {
    body: text(title, 16, 20, "ink", ' font-size="14" font-weight="600"') + up.join("") + drawn.join("") + label,
    height,
  };
}

const END = ' text-anchor="end"';
const MIDDLE = ' text-anchor="middle"';
const colour = (index: number): string => `var(--c${index % COLOURS})`;
const round = (value: number): number => Math.round(value * 10) / 10;

const text = (content: string, x: number, y: number, fill: string, more = "") =>
  `<text x="${round(x)}" y="${round(y)}"${more} style="fill:var(--${fill})">${escaped(content)}</text>`;

const line = (x1: number, y1: number, x2: number, y2: number, stroke: string) =>
  `<line x1="${round(x1)}" y1="${round(y1)}" x2="${round(x2)}" y2="${round(y2)}" style="stroke:var(--${stroke})"/>`;

/** Cut between code points. */
function shortened(content: string, most: number): string {
  const letters = [...content];
  return letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : content;
}
