import { cpSync, lstatSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { train, writeReport } from "../../src/index.js";
import { reportData } from "../../src/report/collect.js";
import type { Chart, ReportData } from "../../src/report/content.js";
import { escaped, scriptJson } from "../../src/report/escape.js";
import { htmlOf } from "../../src/report/html.js";
import { runReport } from "../../src/report/run-sections.js";
import { svgOf, ticks } from "../../src/report/svg.js";
import { run, temporary } from "../e2e/hashbrook.js";
import { hasBrowser, openBrowser, openPage } from "../portable/browser.js";

const HOSTILE = `</script><script>document.title="owned"</script><img src=x onerror="document.title='owned'">&'"`;
const out = join(temporary(), "run");
const [data, model] = [`${HOSTILE.replaceAll("/", "")}.json`, "model.yaml"].map((name) => join(temporary(), name));

beforeAll(async () => {
  const events = Array.from({ length: 4000 }, (_, i) => ({
    y: Number(i % 3 === 0),
    user: `u${i % 70}`,
    item: `i${(i * 7) % 60}`,
  }));
  writeFileSync(data, events.map((event) => `${JSON.stringify(event)}\n`).join(""));
  writeFileSync(
    model,
    `name: shop
events: { format: json }
label: { field: y }
fields:
  - { name: user, type: categorical, table: ids }
  - { name: item, type: categorical, table: ids }
tables: { ids: { encoding: exact, rows: 1000 } }
tower: lr
train: { window: 400 }
`,
  );
  const args = ["train", "--model", model, "--data", data, "--out", out, "--epochs", "2", "--validate-last", "20%"];
  expect((await run(args)).status).toBe(0);
  expect((await run(args.concat("--resume"))).status).toBe(0);
  const explained = ["explain", "--checkpoint", out, "--data", data, "--limit", "2000", "--repetitions", "1", "--save"];
  expect((await run(explained)).status).toBe(0);
});

const section = (report: ReportData, id: string) => report.sections.find((one) => one.id === id)!;

it.runIf(process.platform === "linux")(
  "a folder of figures that cannot be made is an error: an endless loop in /proc",
  async () => {
    const svg = "/proc/hashbrook/figures";
    await expect(writeReport({ directory: out, out: join(temporary(), "a.html"), svg })).rejects.toMatchObject({
      code: "source_unreadable",
      message: expect.stringContaining("cannot be written"),
    });
  },
);

describe("the report of a run", () => {
  it("has quality, curves, calibration, validation, tables, fields, explanations, and the command lines", async () => {
    const report = await runReport(out);
    expect(report).toMatchObject({ title: "shop", subtitle: expect.stringMatching(/^lr · 6,\d{3} examples learned/) });
    const [first] = section(report, "quality").tables![0].rows;
    expect(first[0]).toBe("whole stream");
    const [last] = section(report, "quality").tables![0].rows.slice(-1);
    expect(last[0]).toBe("later epochs (events seen before)");
    const curve = section(report, "curves").charts![0] as Chart;
    expect(curve.series.map(({ label }) => label)).toEqual([
      "before learning (progressive)",
      "later epochs (seen before)",
      "validation",
    ]);
    expect(curve.series[0].points).toHaveLength(8);
    expect(section(report, "validation").tables![0].rows).toHaveLength(2);
    expect(
      section(report, "importance")
        .tables![0].rows.map(([name]) => name)
        .sort(),
    ).toEqual(["item", "user"]);
    expect(section(report, "fields").tables![0].rows[0]).toEqual([
      "user",
      "categorical",
      expect.stringMatching(/^(69|7[0-2])$/),
      "ids",
    ]);
    const commands = section(report, "commands").text!.split("\n");
    expect(commands).toHaveLength(3);
    expect(commands[0]).toMatch(/^hashbrook train --model .*'\\''.* --validate-last 20%/);
  });

  it("is written by the command, with an SVG file of every chart; without data it says what is missing", async () => {
    const svg = join(temporary(), "svg");
    const { stdout } = await run(["report", out, "--svg", svg, "--json"]);
    const { html, svgs } = JSON.parse(stdout);
    expect(html).toBe(join(out, "report.html"));
    expect(readFileSync(html, "utf8")).toBe(htmlOf(await runReport(out)));
    expect(svgs.map((path: string) => path.slice(svg.length + 1)).sort()).toEqual(readdirSync(svg).sort());
    expect(svgs.length).toBeGreaterThan(5);
    await expect(writeReport({ directory: temporary() })).rejects.toMatchObject({ code: "checkpoint_missing" });
    await expect(writeReport({ directory: out, out: join(out, "none", "x.html") })).rejects.toMatchObject({
      code: "source_unreadable",
    });
  });

  it("leaves a link where it is, and writes what it leads to: it was replaced, and so was /dev/null", async () => {
    const folder = temporary();
    const [link, file] = [join(folder, "latest.html"), join(folder, "today.html")];
    writeFileSync(file, "yesterday's");
    symlinkSync(file, link);
    await writeReport({ directory: out, out: link });
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readFileSync(file, "utf8")).toBe(htmlOf(await runReport(out)));
  });

  it("ignores an explanation of another spec, and reports a file that is not one", async () => {
    const other = join(temporary(), "other");
    await train({ model, data, out: other, threads: 1 });
    writeFileSync(join(other, "explain.json"), JSON.stringify({ spec_hash: "0" }));
    expect((await runReport(other)).sections.map(({ id }) => id)).not.toContain("importance");
    writeFileSync(join(other, "explain.json"), "{");
    await expect(runReport(other)).rejects.toMatchObject({
      code: "usage",
      message: expect.stringContaining("explain.json"),
    });
  });
});

describe("the report of several models", () => {
  it("compares them over time with the first one, in pairs", async () => {
    const directory = join(temporary(), "together");
    const other = join(temporary(), "other.yaml");
    writeFileSync(
      other,
      readFileSync(model, "utf8").replace("tower: lr", "tower: fm").replace("rows: 1000", "rows: 1000, dim: 4"),
    );
    const args = ["train", "--model", model, "--model", other, "--data", data, "--out", directory];
    expect((await run(args)).status).toBe(0);
    const report = await reportData(directory);
    expect(report.title).toBe("model, other");
    const [first, second] = section(report, "standings").tables![0].rows;
    expect([first.at(-1), second.at(-1)]).toEqual(["reference", expect.stringMatching(/^[+−]0\.\d{5} ± 0\.\d{5}$/)]);
    const [chart] = section(report, "together").charts as Chart[];
    const losses = (name: string) =>
      (section(report, "curves").charts as Chart[])[0].series.find(({ label }) => label === name)!;
    const means = ["model", "other"].map((name) => losses(name).points.reduce((sum, { y }) => sum + y! / 10, 0));
    expect(chart.series.map(({ label }) => label)).toEqual(["other"]);
    expect(chart.series[0].points.at(-1)).toMatchObject({
      x: 4000,
      y: expect.closeTo(means[1] - means[0], 9),
      se: expect.any(Number),
    });
    expect(section(report, "commands").text).toMatch(/^hashbrook train --model .*model\.yaml --model /);
    expect((await writeReport({ directory })).html).toBe(join(directory, "report.html"));
  });
});

describe("texts of a report", () => {
  it("are escaped in HTML, in SVG and in scripts", async () => {
    const saved = JSON.parse(readFileSync(join(out, "explain.json"), "utf8"));
    saved.importance[0].name = saved.ids[0].field = HOSTILE;
    const other = join(temporary(), "other");
    cpSync(out, other, { recursive: true });
    writeFileSync(join(other, "explain.json"), JSON.stringify(saved));
    const html = htmlOf(await runReport(other));
    expect(html).toContain(escaped(HOSTILE));
    expect(html).not.toContain("<img");
    expect(html.match(/<script/g)).toHaveLength(3);
    expect(escaped(`<&>"'\0\ud800`)).toBe("&lt;&amp;&gt;&quot;&#39;\ufffd\ufffd");
    expect(JSON.parse(scriptJson({ HOSTILE }))).toEqual({ HOSTILE });
    expect(scriptJson(HOSTILE)).not.toMatch(/[<>&]/);
  });
});

describe("an SVG file", () => {
  const chart = (points: Chart["series"][number]["points"], more: Partial<Chart> = {}): Chart => ({
    kind: "lines",
    id: "some",
    title: HOSTILE,
    x: { label: "x" },
    y: { label: "y" },
    series: [{ label: HOSTILE, points }],
    ...more,
  });

  it("has numeric coordinates for no points, one point, equal points and gaps, and on a logarithmic axis", () => {
    const log = { x: { label: "bytes", log: true } };
    const all = [
      chart([]),
      chart([{ x: 5, y: 0.5 }]),
      chart([
        { x: 5, y: 0.5 },
        { x: 5, y: 0.5, se: 0.1, name: HOSTILE },
      ]),
      chart([
        { x: 1, y: null },
        { x: 2, y: 0 },
      ]),
      chart(
        [
          { x: 1, y: 1 },
          { x: 1e9, y: 2 },
        ],
        log,
      ),
      chart(
        [
          { x: 0, y: 1 },
          { x: 1000, y: 2 },
        ],
        log,
      ),
    ];
    for (const one of all) expect(svgOf(one)).not.toMatch(/NaN|Infinity|<script|<img/);
    expect(svgOf({ kind: "bars", id: "b", title: "t", x: { label: "x" }, bars: [] })).not.toMatch(/NaN|Infinity/);
  });

  it("has round numbers on its axes", () => {
    expect(ticks(0, 1)).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(ticks(-3, 12)).toEqual([0, 5, 10]);
    expect(ticks(0.37, 0.379)).toEqual([0.37, 0.372, 0.374, 0.376, 0.378]);
  });
});

describe.skipIf(!hasBrowser())("a report in Chromium", () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await openBrowser();
  });
  afterAll(() => browser.close());

  it.each([
    [1280, "light"],
    [400, "dark"],
  ] as const)(
    "at %i pixels, %s: draws every chart, without network requests or log messages",
    async (width, colorScheme) => {
      const { html } = await writeReport({ directory: out, out: join(temporary(), "report.html") });
      const page = await openPage(browser, { viewport: { width, height: 900 }, colorScheme });
      const [logged, asked]: string[][] = [[], []];
      page.on("pageerror", (error) => logged.push(error.message));
      page.on("console", (message) => logged.push(message.text()));
      page.on("request", (request) => asked.push(request.url()));
      await page.goto(`file://${html}`);
      const inked = (await page.evaluate(`[...document.querySelectorAll(".plot canvas")].map((canvas) =>
      canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data.filter((value, i) => i % 4 === 3 && value > 0).length)`)) as number[];
      expect(inked.length).toBeGreaterThan(4);
      expect(Math.min(...inked)).toBeGreaterThan(500);
      expect(await page.title()).toBe("shop");
      expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(width);
      const paper = (await page.evaluate("getComputedStyle(document.body).backgroundColor")) as string;
      expect(Number(/\d+/.exec(paper)![0]) > 128).toBe(colorScheme === "light");
      await page.setViewportSize({ width: 700, height: 900 });
      expect([logged, asked]).toEqual([[], [`file://${html}`]]);
      await page.close();
    },
  );
});
