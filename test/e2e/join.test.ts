import { createHash } from "node:crypto";
import { appendFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { JOIN, JOINED } from "../small-specs.js";
import { report, run, temporary } from "./hashbrook.js";

const folder = temporary();
const [shown, clicks, labelled] = ["shown.tsv", "clicks.tsv", "labelled.tsv"].map((name) => join(folder, name));
const training = (out: string, clickFile = clicks) => [
  ...["train", "--model", JOIN, "--data", shown, "--clicks", clickFile, "--out", join(folder, out)],
];

async function predictions(checkpoint: string): Promise<string> {
  const out = join(folder, `${checkpoint}.txt`);
  const result = await run(["predict", "--checkpoint", join(folder, checkpoint), "--data", labelled, "--out", out]);
  expect(result.status).toBe(0);
  return createHash("sha256").update(readFileSync(out)).digest("hex");
}

beforeAll(async () => {
  const simulated = ["simulate", "--rows", "20000", "--seed", "11", "--impressions", shown, "--clicks", clicks];
  expect((await run([...simulated, "--out", labelled])).status).toBe(0);
  await report([...training("joined")]);
});

describe("train --clicks", () => {
  it("trains the same model from impressions and clicks as from labelled events, byte for byte", async () => {
    const model = JOINED;
    const result = await report(["train", "--model", model, "--data", labelled, "--out", join(folder, "labelled")]);
    const joined = await report([...training("joined"), "--resume"]);
    expect(joined).toMatchObject({ examples: 20_000, logloss: result.logloss, auc: result.auc });
    expect(joined.join).toMatchObject({ late: 0, duplicates: 0, joined: joined.join!.clicks });
    expect(await predictions("joined")).toBe(await predictions("labelled"));
  });

  it("resumes in the middle of both streams, and with clicks that arrived since", async () => {
    const lines = readFileSync(clicks, "utf8").split("\n");
    const early = join(folder, "early.tsv");
    writeFileSync(early, `${lines.slice(0, 2500).join("\n")}\n`);
    await report([...training("halves", early), "--limit", String(18 * 512)]);
    appendFileSync(early, lines.slice(2500).join("\n"));
    const { join: counts } = await report([...training("halves", early), "--resume"]);
    expect(counts).toEqual((await report([...training("joined"), "--resume"])).join);
    expect(await predictions("halves")).toBe(await predictions("joined"));
  });

  it("rejects malformed clicks with their line, and continues", async () => {
    const bad = join(folder, "bad.tsv");
    writeFileSync(bad, `e1\tnever\n\t1736121604146\n${readFileSync(clicks, "utf8")}`);
    const result = await report(training("bad", bad));
    expect(result.rejected_by_code).toEqual({ bad_time: 1, missing_id: 1 });
    expect(result.rejected_samples).toMatchObject({ bad_time: { file: bad, row: 1 }, missing_id: { row: 2 } });
    expect(await predictions("bad")).toBe(await predictions("joined"));
  });

  it("joins clicks in an envelope like plain ones", async () => {
    const enveloped = join(folder, "clicks.json");
    const lines = readFileSync(clicks, "utf8").trim().split("\n");
    const events = lines.map((line, i) => {
      const [id, time] = line.split("\t");
      return JSON.stringify({ specversion: "1.0", id: `c${i}`, time: Number(time), data: { of: { id } } });
    });
    writeFileSync(enveloped, `${events.join("\n")}\n`);
    const model = join(folder, "enveloped.yaml");
    const written = "clicks: { format: json, envelope: cloudevents, id: of.id, time: .time }";
    writeFileSync(model, readFileSync(JOIN, "utf8").replace(/clicks: \{.*/, written));
    await report(training("enveloped", enveloped).with(2, model));
    expect(await predictions("enveloped")).toBe(await predictions("joined"));
  });

  it("records late and repeated clicks with the reason, once, if requested", async () => {
    const unruly = join(folder, "unruly.tsv");
    const lines = readFileSync(clicks, "utf8").trim().split("\n");
    const [early, again] = [lines[10], lines[1296]];
    writeFileSync(
      unruly,
      `${[...lines.slice(0, 900), early, ...lines.slice(900, 1300), again, ...lines.slice(1300)].join("\n")}\n`,
    );
    const line = [...training("unruly", unruly), "--keep-late"];
    await report([...line, "--limit", String(18 * 512)]);
    const result = await report([...line, "--resume"]);
    expect(result.join).toMatchObject({ late: 1, duplicates: 1 });
    const kept = readFileSync(join(folder, "unruly", "rejected", "late.jsonl"), "utf8")
      .trim()
      .split("\n");
    const label = (reason: string, click: string) => {
      const [id, time] = click.split("\t");
      return { reason, id, time, partition: 0 };
    };
    expect(kept.map((one) => JSON.parse(one))).toEqual([label("late", early), label("repeated", again)]);
    expect(await predictions("unruly")).toBe(await predictions("joined"));
  });

  it("records clicks without an impression, once, when no later impression can be as old", async () => {
    const foreign = join(folder, "foreign.tsv");
    const lines = readFileSync(clicks, "utf8").trim().split("\n");
    const of = (click: string, i: number) => `nobody${i}\t${click.split("\t")[1]}`;
    const strays = [lines[0], lines[1290]].map(of);
    writeFileSync(foreign, `${[strays[0], ...lines.slice(0, 1290), strays[1], ...lines.slice(1290)].join("\n")}\n`);
    const line = [...training("foreign", foreign), "--keep-late"];
    await report([...line, "--limit", String(18 * 512)]);
    await report([...line, "--resume"]);
    const kept = readFileSync(join(folder, "foreign", "rejected", "late.jsonl"), "utf8")
      .trim()
      .split("\n");
    const orphan = (click: string) => {
      const [id, time] = click.split("\t");
      return { reason: "orphan", id, time, partition: 0 };
    };
    expect(kept.map((one) => JSON.parse(one))).toEqual(strays.map(orphan));
    expect(await predictions("foreign")).toBe(await predictions("joined"));
  });

  it("reads clicks among messages of other types, whose times advance the stream's clock", async () => {
    const mixed = join(folder, "mixed.tsv");
    const model = join(folder, "mixed.yaml");
    const text = readFileSync(JOIN, "utf8");
    writeFileSync(
      model,
      text.replace(
        "columns: [event_id, ts_ms], id",
        "columns: [event_id, ts_ms, kind], type: { from: kind, is: [tap, 3] }, id",
      ),
    );
    const lines = readFileSync(clicks, "utf8").trim().split("\n");
    const kinds = lines.flatMap((line, i) => [
      `${line}\t${i % 2 ? "tap" : "3"}`,
      `x${i}\t${line.split("\t")[1]}\tview`,
    ]);
    // Clicks but of another type.
    const views = readFileSync(shown, "utf8")
      .split("\n", 40)
      .map((line) => line.split("\t"));
    writeFileSync(mixed, `${[...views.map(([, , time, id]) => `${id}\t${time}\t4`), ...kinds].join("\n")}\n`);
    const line = ["train", "--model", model, "--data", shown, "--clicks", mixed, "--out", join(folder, "mixed")];
    await report([...line, "--limit", String(18 * 512)]);
    const result = await report([...line, "--resume"]);
    expect(result.rejected_by_code).toEqual({});
    expect(result.join).toEqual({ clicks: lines.length, joined: lines.length, duplicates: 0, late: 0 });
    expect(await predictions("mixed")).toBe(await predictions("joined"));
  });

  it("trains the same model from one file of views and clicks as from two, and predicts only its views", async () => {
    const at = (name: string) => join(folder, name);
    const facts = ["--rows", "6000", "--seed", "11", "--format", "json"];
    await run(["simulate", ...facts, "--impressions", at("s.jsonl"), "--clicks", at("c.jsonl")]);
    const [views, taps] = ["s", "c"].map((name) =>
      readFileSync(at(`${name}.jsonl`), "utf8")
        .trim()
        .split("\n"),
    );
    const time = (line: string) => Number(/"ts_ms":(\d+)/.exec(line)![1]);
    const withKind = (kind: string) => (line: string) => `${line.slice(0, -1)},"kind":"${kind}"}`;
    const all = [...views.map(withKind("view")), ...taps.map(withKind("tap"))].sort((a, b) => time(a) - time(b));
    writeFileSync(at("all.jsonl"), `${[...all, '{"kind":"other","event_id":"x","ts_ms":1}'].join("\n")}\n`);
    const text = readFileSync(JOIN, "utf8")
      .replace("columns: [event_id, ts_ms], id", "id")
      .replaceAll("format: tsv", "format: json")
      .replace(/ {2}columns:\n( {4}- .*\n)+/, "");
    writeFileSync(at("two.yaml"), text);
    const typed = text.replace("format: json", "format: json\n  type: { from: kind, is: view }");
    writeFileSync(at("one.yaml"), typed.replace("clicks: {", "clicks: { type: { from: kind, is: tap },"));
    const line = (model: string, data: string, clicks: string) => [
      ...["train", "--model", at(`${model}.yaml`), "--data", at(data), "--clicks", at(clicks), "--out", at(model)],
    ];
    const two = await report(line("two", "s.jsonl", "c.jsonl"));
    const one = await report(line("one", "all.jsonl", "all.jsonl"));
    expect(one).toMatchObject({ examples: 6000, rejected: 0, logloss: two.logloss, join: two.join });
    const predicted = async (model: string, data: string) => {
      await run(["predict", "--checkpoint", at(model), "--data", at(data), "--out", at(`${model}.txt`)]);
      return readFileSync(at(`${model}.txt`), "utf8");
    };
    expect(await predicted("one", "all.jsonl")).toBe(await predicted("two", "s.jsonl"));
  });

  it("labels impressions for eval", async () => {
    const evaluation = ["eval", "--checkpoint", join(folder, "joined")];
    const joined = await report([...evaluation, "--data", shown, "--clicks", clicks]);
    expect(joined.auc).toBe((await report([...evaluation, "--data", labelled])).auc);
  });

  it("explain gives the same result as with labelled events, and reports what is missing for impressions alone", async () => {
    const asked = ["explain", "--checkpoint", join(folder, "joined"), "--limit", "600", "--repetitions", "1", "--json"];
    const explained = async (...args: string[]) => {
      const { stdout } = await run([...asked, ...args]);
      const { data: _, ...all } = JSON.parse(stdout.trim().split("\n").at(-1)!);
      return all;
    };
    const joined = await explained("--data", shown, "--clicks", clicks);
    expect(joined.quality.examples).toBe(600);
    expect(await explained("--data", labelled)).toEqual(joined);
    for (const line of [asked, ["eval", "--checkpoint", join(folder, "joined")]]) {
      const { status, stderr } = await run([...line, "--data", shown]);
      expect(status).toBe(4);
      expect(stderr).toContain("impressions get their labels from clicks: add --clicks FILES");
    }
  });

  it("hints at ids and times if no click matches an impression", async () => {
    const foreign = join(folder, "others.tsv");
    writeFileSync(foreign, readFileSync(clicks, "utf8").replace(/^e/gm, "f"));
    const { status, stderr } = await run(training("others", foreign));
    expect(status).toBe(0);
    expect(stderr).toMatch(
      /warning: label: all [\d,]+ labels are negative.*\n.*check that clicks refer to impressions as `label` says/,
    );
  });

  it("check reads impressions, which have no label, like training", async () => {
    const { status, stdout } = await run(["check", "--model", JOIN, "--data", shown]);
    expect(stdout).toContain("10,000 fit the spec, 0 rejected\n  label: joined from clicks");
    expect(stdout).toContain("no problems found");
    expect(status).toBe(0);
  });

  it.each([
    [
      ["tune", "--model", JOIN, "--data", labelled, "--budget", "10%", "--out", join(folder, "tune")],
      "remove `join` from a copy of the spec",
    ],
    [["cache", "--model", JOIN, "--data", shown, "--out", join(folder, "cache")], "such events cannot be cached"],
    [["train", "--model", JOIN, "--data", shown, "--out", "x"], "labels come from clicks"],
    [["train", "--model", "features/ads-demo.yaml", "--data", labelled, "--clicks", clicks, "--out", "x"], "no join"],
    [[...training("x"), "--epochs", "2"], "one pass"],
    [training("x", join(folder, "none.tsv")), "none.tsv: no such file"],
  ])("refuses streams that cannot be joined: %#", async (args, message) => {
    const { status, stderr } = await run(args);
    expect(status).toBeGreaterThan(1);
    expect(stderr).toContain(message);
  });
});
