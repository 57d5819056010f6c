import type { Dataset } from "./datasets.js";
import { ENTRIES } from "./encodings.js";
import type { Point } from "./measure.js";

/** A figure of a point, drawn against its bytes. */
export interface Axis {
  readonly title: string;
  readonly of: (point: Point) => number;
  readonly digits: number;
}

const WIDTH = 900;
const LEFT = 74;
const RIGHT = 232;
const LINE_HEIGHT = 21;
const COLOURS = [
  "#1f77b4",
  "#d62728",
  "#2ca02c",
  "#9467bd",
  "#ff7f0e",
  "#17becf",
  "#8c564b",
  "#e377c2",
  "#7f7f7f",
  "#bcbd22",
  "#003f5c",
  "#a05195",
  "#665191",
];
const INK = "#24292f";

interface Panel {
  readonly top: number;
  readonly height: number;
  readonly axis: Axis;
}

interface Scale {
  readonly x: (share: number) => number;
  readonly y: (value: number) => number;
  readonly from: number;
  readonly to: number;
}

/** An SVG of AUC, and of logloss below it, against the share of the exact tables' bytes: one line per encoding. */
export function plot(dataset: Dataset, points: readonly Point[]): string {
  const exact = points.find(({ encoding }) => encoding === "exact")!;
  const auc = { title: "AUC", of: ({ all }: Point) => all.auc, digits: 3 };
  const logloss = { title: "logloss", of: ({ all }: Point) => all.logloss, digits: 3 };
  const panels = [
    { top: 54, height: 400, axis: auc },
    { top: 506, height: 180, axis: logloss },
  ];
  const names = ENTRIES.map(({ name }) => name).filter((name) => points.some(({ encoding }) => encoding === name));
  const lines = names.map((name) =>
    points.filter(({ encoding }) => encoding === name).sort((a, b) => a.bytes - b.bytes),
  );
  const drawn = panels.flatMap((panel) => drawPanel(panel, exact, lines));
  const height = 736;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="13" fill="${INK}">`,
    `<rect width="${WIDTH}" height="${height}" fill="#fff"/>`,
    text(LEFT, 24, `${dataset.title}: quality against bytes`, 'font-size="17" font-weight="bold"'),
    text(LEFT, 42, subtitle(exact), 'fill="#57606a"'),
    ...drawn,
    ...legend(names),
    text(
      (LEFT + WIDTH - RIGHT) / 2,
      height - 10,
      "bytes of the id tables, % of the exact tables’ (log scale)",
      'text-anchor="middle"',
    ),
    "</svg>",
    "",
  ].join("\n");
}

function subtitle({ bytes, all }: Point): string {
  return `exact tables: ${(bytes / 1e6).toFixed(1)} MB, ${all.rows.toLocaleString("en")} rows scored; bars: twice the standard error of the difference to exact`;
}

function drawPanel(panel: Panel, exact: Point, lines: readonly (readonly Point[])[]): string[] {
  const { top, height, axis } = panel;
  const values = [exact, ...lines.flat()].map(axis.of);
  const margin = 0.05 * (Math.max(...values) - Math.min(...values)) || 0.001;
  const [low, high] = [Math.min(...values) - margin, Math.max(...values) + margin];
  const scale: Scale = {
    x: (share) => LEFT + ((Math.log10(share) + 3.15) / 3.25) * (WIDTH - LEFT - RIGHT),
    y: (value) => top + height * (1 - (value - low) / (high - low)),
    from: low,
    to: high,
  };
  const level = scale.y(axis.of(exact));
  return [
    ...grid(panel, scale),
    `<path d="M${LEFT} ${f(level)}H${WIDTH - RIGHT}" stroke="${INK}" stroke-dasharray="5 4" fill="none"/>`,
    text(WIDTH - RIGHT + 6, level + 4, "exact", 'font-style="italic"'),
    ...lines.map((line) => drawLine(line, numberOf(line[0].encoding), exact, scale, axis)),
  ];
}

function grid({ top, height, axis }: Panel, scale: Scale): string[] {
  const shares = [0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 1];
  const bottom = top + height;
  const steps = ticks(scale.from, scale.to);
  return [
    `<path d="${shares.map((share) => `M${f(scale.x(share))} ${top}V${bottom}`).join("")}${steps.map((value) => `M${LEFT} ${f(scale.y(value))}H${WIDTH - RIGHT}`).join("")}" stroke="#d8dee4" fill="none"/>`,
    `<rect x="${LEFT}" y="${top}" width="${WIDTH - RIGHT - LEFT}" height="${height}" fill="none" stroke="#8c959f"/>`,
    ...shares.map((share) => text(scale.x(share), bottom + 16, `${share * 100}`, 'text-anchor="middle"')),
    ...steps.map((value) => text(LEFT - 6, scale.y(value) + 4, value.toFixed(axis.digits), 'text-anchor="end"')),
    `<text transform="translate(18 ${top + height / 2}) rotate(-90)" text-anchor="middle">${axis.title}</text>`,
  ];
}

/** About six round values between two. */
function ticks(from: number, to: number): number[] {
  const rough = (to - from) / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((times) => times * power >= rough)!;
  const first = Math.ceil(from / step);
  return Array.from({ length: Math.floor(to / step) - first + 1 }, (_, i) => (first + i) * step);
}

function drawLine(line: readonly Point[], i: number, exact: Point, scale: Scale, axis: Axis): string {
  const places = line.map((point) => [f(scale.x(point.bytes / exact.bytes)), f(scale.y(axis.of(point)))]);
  const colour = colourOf(i);
  const error = ({ all }: Point) => 2 * (axis.title === "AUC" ? all.auc_delta_se : all.logloss_delta_se);
  const bars = line.map((point, p) => {
    const [above, below] = [scale.y(axis.of(point) + error(point)), scale.y(axis.of(point) - error(point))];
    return `M${places[p][0]} ${f(above)}V${f(below)}`;
  });
  const dots = places.map(([x, y]) => marker(i, Number(x), Number(y))).join("");
  return `<g stroke="${colour}" fill="none" stroke-width="1.8"><path d="M${places.map((place) => place.join(" ")).join("L")}"/><path d="${bars.join("")}" stroke-width="1"/><path d="${dots}" fill="${colour}"/></g>`;
}

/** An encoding has one colour and one marker in all plots. */
function numberOf(name: string): number {
  return ENTRIES.findIndex((entry) => entry.name === name);
}

function colourOf(i: number): string {
  return COLOURS[i % COLOURS.length];
}

/** Circle, square or triangle, so that lines can be distinguished without colour. */
function marker(i: number, x: number, y: number): string {
  const kinds = [
    `M${f(x - 3.5)} ${f(y)}a3.5 3.5 0 1 0 7 0a3.5 3.5 0 1 0 -7 0`,
    `M${f(x - 3)} ${f(y - 3)}h6v6h-6z`,
    `M${f(x)} ${f(y - 4)}l4 7h-8z`,
  ];
  return kinds[i % kinds.length];
}

function legend(names: readonly string[]): string[] {
  const x = WIDTH - RIGHT + 48;
  return names.map((name, i) => {
    const y = 64 + i * LINE_HEIGHT;
    const sample = `<g stroke="${colourOf(numberOf(name))}" fill="${colourOf(numberOf(name))}" stroke-width="1.8"><path d="M${x} ${y}h22"/><path d="${marker(numberOf(name), x + 11, y)}"/></g>`;
    return `${sample}${text(x + 28, y + 4, name)}`;
  });
}

function text(x: number, y: number, content: string, attributes = ""): string {
  return `<text x="${f(x)}" y="${f(y)}" ${attributes}>${content}</text>`;
}

/** Tenths of a pixel are precise enough. */
const f = (value: number): string => String(Math.round(value * 10) / 10);
