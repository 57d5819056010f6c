import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

/** A file of uPlot, the plotting library of the HTML pages: its script or its stylesheet. */
export const plotFile = (name: "uPlot.iife.min.js" | "uPlot.min.css"): string =>
  readFileSync(createRequire(import.meta.url).resolve(`uplot/dist/${name}`), "utf8");
