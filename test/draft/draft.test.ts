import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { draftText } from "../../src/cli/init.js";
import { type Draft, type DraftOptions, draftSpec } from "../../src/draft/draft.js";
import { parseSpec } from "../../src/spec/parse.js";
import fc from "../properties.js";

const folder = mkdtempSync(join(tmpdir(), "hashbrook-test-"));
let files = 0;

function file(lines: readonly string[], name = `events-${++files}.csv`): string {
  const path = join(folder, name);
  const text = `${lines.join("\n")}\n`;
  writeFileSync(path, name.endsWith(".gz") ? gzipSync(text) : text);
  return path;
}

/** Drafts a spec of events of a file, which all fit it. */
async function drafted(lines: readonly string[], options: Partial<DraftOptions> = {}, name?: string): Promise<Draft> {
  const draft = await draftSpec({ data: file(lines, name), ...options });
  expect(draft.check).toMatchObject({ rejected: 0, accepted: draft.rows });
  return draft;
}

const events = <T>(of: (i: number) => T, count = 200): T[] => Array.from({ length: count }, (_, i) => of(i));
const roleOf = ({ columns }: Draft, from: string) => {
  const { role, type } = columns.find((column) => column.from === from)!;
  return type ?? role;
};
const click = (i: number) => Number(i % 7 === 0);

describe("JSON members whose names have dots", () => {
  it("are drafted: a spec's path names them too", async () => {
    const line = (i: number) =>
      JSON.stringify({ "ad.click": click(i), "user.id": `u${i % 30}`, site: { "page.kind": `k${i % 4}` } });
    const draft = await drafted(events(line), {}, "dots.json");
    expect(draft.columns.map(({ from, role }) => [from, role])).toEqual([
      ["ad.click", "label"],
      ["user.id", "field"],
      ["site.page.kind", "field"],
    ]);
    expect(draft.notes).toEqual([]);
    expect(draft.check?.fields.map(({ distinct }) => distinct)).toEqual([30, 4]);
  });

  it("are left out where a nested member has the same path", async () => {
    const line = (i: number) =>
      JSON.stringify({ click: click(i), "user.id": `u${i % 30}`, user: { id: `v${i % 7}` }, ad: `a${i % 5}` });
    const draft = await drafted(events(line), {}, "same-path.json");
    expect(draft.columns.map(({ from }) => from)).toEqual(["click", "ad"]);
    expect(draft.notes).toEqual([expect.stringContaining("user.id: left out")]);
  });

  it.each([["a."], [".a"], ["a..b"], [""]])("are left out where dots separate nothing: %j", async (name) => {
    const line = (i: number) => JSON.stringify({ click: click(i), [name]: `u${i % 30}`, ad: `a${i % 5}` });
    const draft = await drafted(events(line), {}, "empty-parts.json");
    expect(draft.columns.map(({ from }) => from)).toEqual(["click", "ad"]);
  });
});

it("events without any member that a spec can name are a plain error", async () => {
  const draft = draftSpec({ data: file(["{}", '{"":1}'], "no-names.json") });
  await expect(draft).rejects.toMatchObject({ code: "usage", message: "the events have nothing that a spec can name" });
});

describe("the event format", () => {
  const row = (i: number) => [click(i), `u${i % 30}`, `a${i % 11}`];
  const specOf = ({ spec }: Draft) => parseSpec(spec, "draft.yaml").events;

  it.each([
    ["\t", "tsv"],
    [",", "csv"],
    [";", "csv"],
    ["|", "csv"],
    ["\x01", "csv"],
  ])("finds the separator %j, with a header and without", async (separator, format) => {
    const rows = events((i) => row(i).join(separator));
    const headed = await drafted([["click", "user", "ad"].join(separator), ...rows]);
    expect(specOf(headed)).toMatchObject({ format, header: true });
    expect(headed.columns.map(({ from }) => from)).toEqual(["click", "user", "ad"]);
    const bare = await drafted(rows);
    expect(specOf(bare)).toMatchObject({ format, columns: ["c1", "c2", "c3"] });
    expect(roleOf(bare, "c1")).toBe("label");
  });

  it("leaves out a column named like a range: the draft read columns that are not there", async () => {
    const draft = await drafted(["click,I1..I3,place", ...events((i) => `${click(i)},${i % 7},c${i % 5}`)]);
    expect(draft.columns.map(({ from }) => from)).toEqual(["click", "place"]);
    expect(draft.notes).toEqual([expect.stringContaining("I1..I3: left out")]);
  });

  it("accepts a header with an empty name, as pandas writes its index, or with repeated ones", async () => {
    const draft = await drafted([
      ",click,ad,ad,place",
      ...events((i) => `${i},${click(i)},a${i % 3},b${i % 4},c${i % 5}`),
    ]);
    expect(specOf(draft)).toMatchObject({ header: true });
    expect(draft.columns.map(({ from }) => from)).toEqual(["click", "place"]);
    expect(draft.notes.map((note) => note.split(":")[0])).toEqual(["a column without a name", "ad"]);
  });

  it("reads quotes, a byte order mark, CRLF and compressed files", async () => {
    const lines = ["\ufeffclick,ad", ...events((i) => `${click(i)},"a, ""${i % 5}"""`)].map((line) => `${line}\r`);
    const draft = await drafted(lines, {}, "quotes.csv.gz");
    expect(draft.columns.map(({ from }) => from)).toEqual(["click", "ad"]);
    expect(draft.columns[1].why).toBe("5 values");
  });

  it("reads JSON members at any depth, lists, and objects that are bags", async () => {
    const lines = events((i) =>
      JSON.stringify({
        event: { clicked: i % 3 === 0 },
        user: { id: `u${i}`.slice(0, 3), tags: [`t${i % 4}`, `t${i % 5}`] },
        terms: { [`w${i % 40}`]: 0.5, [`w${(i * 3) % 40}`]: 2 },
        price: i % 9 === 0 ? null : `${i}.5`,
        seen: [{ a: 1 }],
      }),
    );
    const draft = await drafted(lines, { label: "event.clicked" }, "nested.json");
    expect(draft.columns.map(({ from }) => [from, roleOf(draft, from)])).toEqual([
      ["event.clicked", "label"],
      ["user.id", "categorical"],
      ["user.tags", "bag"],
      ["terms", "bag"],
      ["price", "numeric"],
    ]);
    expect(draft.notes.join()).toContain("seen: left out, because a spec cannot refer to it");
    expect(draft.spec).toContain("numbers_as_strings: true");
  });

  it.each([
    ["vw", "1 |u a b:2"],
    ["libsvm", "1 3:0.5 7:1"],
    ["libffm", "1 0:3:1 1:9:1"],
  ])("reports that lines of %s require a manually written spec", async (format, line) => {
    const failure = draftSpec({ data: file(events(() => line)) });
    await expect(failure).rejects.toMatchObject({
      code: "source_unreadable",
      message: expect.stringContaining(format),
      hint: expect.stringContaining(`format: ${format}`),
    });
  });

  it("of several characters is named: MovieLens's a::b had neither JSON objects nor equally many columns", async () => {
    const rows = events((i) => `${i % 30}::${i % 11}::${1 + (i % 5)}::${978300760 + i}`);
    await expect(draftSpec({ data: file(rows, "ratings.dat") })).rejects.toMatchObject({
      message: expect.stringContaining('columns are separated by "::"'),
      hint: "a separator has one character: sed 's/::/\\t/g' FILE > FILE.tsv",
    });
  });

  it("of several characters in a compressed file is not to be replaced by sed in the compressed bytes", async () => {
    const packed = join(folder, "ratings.dat.gz");
    writeFileSync(packed, gzipSync(events((i) => `${i % 30}::${i % 11}::${1 + (i % 5)}`).join("\n")));
    await expect(draftSpec({ data: packed })).rejects.toMatchObject({
      hint: "a separator has one character: gzip -dc FILE | sed 's/::/\\t/g' > FILE.tsv",
    });
  });

  it("refuses files without events: prose, an empty file, a compressed one under another name", async () => {
    const prose = events((i) => (i % 2 ? "once upon a time" : "there, was, nothing"));
    await expect(draftSpec({ data: file(prose) })).rejects.toMatchObject({ code: "source_unreadable" });
    await expect(draftSpec({ data: file([""]) })).rejects.toThrow("no lines found");
    await expect(draftSpec({ data: file(["label,ad"]) })).rejects.toThrow("contains no events");
    const zipped = join(folder, "events.tsv");
    writeFileSync(zipped, gzipSync("1\ta\n"));
    await expect(draftSpec({ data: zipped })).rejects.toThrow("gzip");
  });

  it("shows a line that has other columns than most, and how quotes are written in CSV", async () => {
    const line = (i: number) => `${click(i)};"a${i % 11}";${i % 9 ? '"fine"' : '"not \\"fine\\"; at all"'}`;
    const failure = draftSpec({ data: file(events(line), "books.csv") });
    await expect(failure).rejects.toMatchObject({
      message: expect.stringMatching(
        /separated by ";", most lines have 3 columns, but this one has 4 .*: 1;"a0";"not /,
      ),
      hint: `in CSV a quote within quotes is written twice: sed 's/\\\\"/""/g' FILE > FILE.csv`,
    });
  });

  it("says that lines are Python's dictionaries, and how they become JSON", async () => {
    const line = (i: number) => `{'click': ${click(i) ? "True" : "False"}, 'ad': 'a${i % 11}'}`;
    const data = file(events(line), "steam.json");
    const error = await draftSpec({ data }).catch((error) => error);
    expect(error).toMatchObject({ code: "source_unreadable", message: expect.stringContaining("Python dictionaries") });
    const command = error.hint.replace("convert it: ", "").replaceAll("FILE", data);
    execFileSync("bash", ["-c", command.replace(`${data}.jsonl`, join(folder, "steam.jsonl"))]);
    const draft = await draftSpec({ data: join(folder, "steam.jsonl") });
    expect(draft.columns.map(({ from, role }) => [from, role])).toEqual([
      ["click", "label"],
      ["ad", "field"],
    ]);
  });

  it("leaves out lists of lists and lists that are always empty: every event was rejected by the draft", async () => {
    const line = (i: number) => JSON.stringify({ click: click(i), ad: `a${i % 9}`, kinds: [["A", "x"]], images: [] });
    const draft = await drafted(events(line), {}, "nested-lists.json");
    expect(draft.columns.map(({ from, role }) => [from, role])).toEqual([
      ["click", "label"],
      ["ad", "field"],
      ["images", "left_out"],
    ]);
    expect(draft.notes).toEqual([expect.stringContaining("kinds: left out")]);
  });

  it("takes Book-Rating for the label, and an item's average rating for a number", async () => {
    const rows = events((i) => `u${i % 30},${1 + (i % 5)},${(i % 41) / 10}`);
    const draft = await drafted(["user,Book-Rating,average_rating", ...rows]);
    expect([roleOf(draft, "Book-Rating"), roleOf(draft, "average_rating")]).toEqual(["label", "numeric"]);
    expect(draft.notes).toEqual([]);
  });

  it("says that an event takes several lines, instead of naming columns that are none", async () => {
    const object = (i: number) => ({ click: click(i), ad: `a${i % 11}` });
    const all = events(object);
    const written: readonly (readonly [lines: readonly string[], message: string, hint: string])[] = [
      [[JSON.stringify(all)], "JSON array", "jq -c '.[]'"],
      [["[", ...all.map((one) => `${JSON.stringify(one)},`), "{}]"], "JSON array", "jq -c '.[]'"],
      [all.flatMap((one) => JSON.stringify(one, null, 1).split("\n")), "no line is a JSON object", "jq -c ."],
      [["click,ad,text", ...events((i) => `${click(i)},a${i},"one\ntwo"`)], "line breaks in quotes", "by hand"],
      [["click,ad,text", ...events((i) => `"${click(i)}","a\n${i}","b"`)], "line breaks in quotes", "by hand"],
      [['click,"the\nad",text', ...events((i) => `${click(i)},a${i},b`)], "line breaks in quotes", "by hand"],
      [[["click,ad", ...events((i) => `${click(i)},a${i}`), ""].join("\r").slice(0, -1)], "carriage returns", "tr"],
    ];
    for (const [lines, message, hint] of written) {
      const path = join(folder, `several-${++files}.txt`);
      writeFileSync(path, lines.join("\n"));
      const refused = { message: expect.stringContaining(message), hint: expect.stringContaining(hint) };
      await expect(draftSpec({ data: path })).rejects.toMatchObject(refused);
    }
  });
});

describe("the label", () => {
  const labelled = (values: readonly unknown[], name = "outcome") => [
    `ad,${name}`,
    ...events((i) => `a${i % 5},${values[i % values.length]}`),
  ];
  const labelOf = ({ spec }: Draft) => parseSpec(spec, "draft.yaml").label;

  it.each([
    [["0", "1", "0"], "1 is positive", 1 / 3],
    [["-1", "1"], "1 is positive", 0.5],
    [["0.0", "1.0", "0.0", "0.0"], "1 is positive", 0.25],
    [["true", "false", "false"], "true is positive", 1 / 3],
    [["no", "yes"], '"yes" is the positive value', 0.5],
    [["shown", "shown", "taken"], "rarer", 1 / 3],
    [[1, 2], "splits the events most evenly", 0.5],
  ])("of %j is found", async (values, why, share) => {
    const draft = await drafted(labelled(values));
    expect(draft.columns[1]).toMatchObject({ role: "label", why: expect.stringContaining(why) });
    expect(draft.check!.label.positive_rate).toBeCloseTo(share, 1);
  });

  it("of grades is a threshold near their median, or the given one", async () => {
    const grades = labelled([1, 2, 3, 4, 4, 5, 5, 5], "rating");
    expect((await drafted(grades)).spec).toContain('positive: ">= 4"');
    expect((await drafted(grades, { positive: ">= 5" })).check!.label.positive_rate).toBeCloseTo(3 / 8, 1);
    expect(labelOf(await drafted(grades, { positive: "2" })).positive).not.toEqual(
      labelOf(await drafted(labelled([1, 2]), { positive: "2" })).positive,
    );
  });

  it("that cannot be inferred is requested, with candidates", async () => {
    const two = ["a,b", ...events((i) => `${i % 2},${i % 3 ? 0 : 1}`)];
    await expect(draftSpec({ data: file(two) })).rejects.toMatchObject({
      code: "usage",
      hint: expect.stringContaining("these have two values: a, b"),
    });
    await expect(draftSpec({ data: file(two), label: "c" })).rejects.toThrow('no column "c"');
    await expect(draftSpec({ data: file(two), label: "b", positive: "yes" })).rejects.toThrow('has no value "yes"');
    const words = ["a,b", ...events((i) => `x${i % 9},y${i % 5}`)];
    await expect(draftSpec({ data: file(words), label: "b" })).rejects.toMatchObject({
      hint: expect.stringContaining("--positive"),
    });
  });
});

it("lists of one length within a column do not decide the separator: trivago's had more bars than commas", async () => {
  const list = (i: number) => Array.from({ length: 8 }, (_, j) => (i * j) % 40).join("|");
  const rows = events((i) => `u${i % 30},"Sydney, Australia",${list(i)},${click(i)}`);
  const draft = await drafted(["user,city,shown,label", ...rows]);
  expect(draft.columns.map(({ from, role }) => [from, role])).toEqual([
    ["user", "field"],
    ["city", "left_out"],
    ["shown", "field"],
    ["label", "label"],
  ]);
});

it("rows that sum up impressions were said to have labels in their age and gender: how they are learned is said", async () => {
  const rows = events((i) => `a${i % 9},${i % 2 ? "18-24" : "25-34"},${i % 3 ? "M" : "F"},${90 + i},${i % 11}`);
  await expect(draftSpec({ data: file(["ad,age,gender,impressions,clicks", ...rows]) })).rejects.toMatchObject({
    code: "usage",
    hint: expect.stringContaining("write clicks ÷ impressions in a column"),
  });
});

it.each([
  ["of Twitter and Goodreads", (i: number) => `Tue Dec ${10 + (i % 20)} 23:59:${10 + (i % 50)} +0000 ${1900 + i}`],
  ["of mail", (i: number) => `Tue, ${10 + (i % 20)} Dec ${1900 + i} 23:59:59 GMT`],
  ["of iPinYou, to the millisecond", (i: number) => `20131231235959${100 + i}`],
])("dates %s were left out as different in every event: they have a note", async (_, date) => {
  const draft = await drafted(events((i) => JSON.stringify({ click: click(i), ad: `a${i % 9}`, made: date(i) })));
  expect(draft.notes).toEqual([expect.stringContaining("made looks like a date that a spec cannot read")]);
});

it("search queries that begin with a month or a number are no dates", async () => {
  const query = (i: number) => `${["may", "march 5", "12 dec"][i % 3]} flights ${i % 150}`;
  const draft = await drafted(["click,ad,query", ...events((i) => `${click(i)},a${i % 9},${query(i)}`)]);
  expect(draft.notes).toEqual([]);
});

it("a draft that no event fits says to correct it, not to train with it: text in Latin-1", async () => {
  const data = join(folder, "latin1.csv");
  writeFileSync(data, ["click,user", ...events((i) => `${click(i)},Müller${i % 9}`)].join("\n"), "latin1");
  const draft = await draftSpec({ data });
  expect(draft.check).toMatchObject({ accepted: 0, rejected: 200 });
  const text = draftText(draft, "latin1.yaml", [data]);
  expect(text).toContain("next: correct latin1.yaml or the data");
  expect(text).not.toContain("hashbrook train");
});

describe("the other columns", () => {
  it("are typed by their values, and left out if nothing can be learned from them", async () => {
    const header =
      "row,request_id,ts,click,user_id,age,price,clicks_before,tags,country,always,never,note,clicked_at,zip,embedding";
    const lines = events(
      (i) =>
        [
          i + 5,
          `r${i}`,
          1_700_000_000 + 60 * i,
          click(i),
          1000 + ((i * 37) % 90),
          18 + (i % 60) / 2,
          (1 + (i % 13)) / 4,
          i % 10 ? i % 4 : i * 50,
          `a${i % 5};b${i % 7}`,
          i % 8 ? "de" : "NA",
          "x",
          "",
          `free text number ${i}`,
          click(i) ? 1_700_000_000 + 60 * i + 9 : "",
          `0${1000 + (i % 40)}`,
          `0.5 0.25 ${i / 7} 1`.replaceAll(" ", "|"),
        ].join(","),
      400,
    );
    const draft = await drafted([header, ...lines]);
    expect(Object.fromEntries(draft.columns.map(({ from }) => [from, roleOf(draft, from)]))).toEqual({
      row: "left_out",
      request_id: "id",
      ts: "time",
      click: "label",
      user_id: "categorical",
      age: "numeric",
      price: "numeric",
      clicks_before: "numeric",
      tags: "bag",
      country: "categorical",
      always: "left_out",
      never: "left_out",
      note: "left_out",
      clicked_at: "left_out",
      zip: "categorical",
      embedding: "vector",
    });
    const { fields, tables } = parseSpec(draft.spec, "draft.yaml");
    expect(tables.map(({ name, dim }) => [name, dim]).toSorted()).toEqual([
      ["context", 8],
      ["ids", 16],
      ["numbers", 8],
    ]);
    expect(fields.find(({ name }) => name === "embedding")).toMatchObject({ take: 4 });
    expect(draft.columns.find(({ from }) => from === "clicked_at")!.why).toContain("determines the label");
    expect(draft.spec).toContain("# Left out: always is always the same.");
  });

  it.each([
    ["s", 1],
    ["ms", 1e3],
    ["us", 1e6],
  ])("have times in %s, and dates; a note reports that they are not in order", async (unit, times) => {
    const at = (i: number) => Math.round((1_700_000_000 + i) * times);
    const draft = await drafted(["time,click,ad", ...events((i) => `${at(i)},${click(i)},a${i % 3}`)]);
    expect(draft.columns[0]).toMatchObject({ role: "time", why: `numbers, in ${unit}` });
    expect(draft.notes).toEqual([]);
    const dates = events((i) => `2024-05-${10 + (i % 9)} 10:00:00,${click(i)},a${i % 3}`);
    const disordered = await drafted(["when,click,ad", ...dates]);
    expect(roleOf(disordered, "when")).toBe("time");
    expect(disordered.notes[0]).toContain("not in the order of when");
  });

  it("are times in ns if their name says so, else ids, also beyond 2^53", async () => {
    const at = (i: number) => `${1_700_000_000 + i}000000000`;
    const draft = await drafted(["ts,click,ad", ...events((i) => `${at(i)},${click(i)},a${i % 3}`)]);
    expect(draft.columns[0]).toMatchObject({ role: "time", why: "numbers, in ns" });
    const ids = await drafted(["order,click,ad", ...events((i) => `${at(i)},${click(i)},a${i % 3}`)]);
    expect(roleOf(ids, "order")).toBe("left_out");
  });

  it("with words for missing values keep them as null_values", async () => {
    const draft = await drafted(["click,income", ...events((i) => `${click(i)},${i % 5 ? i * 1.5 : "NA"}`)]);
    expect(draft.spec).toContain("null_values: [NA]");
    expect(draft.check!.fields[0].present).toBeCloseTo(0.8);
  });

  it("of numbers with a comma are text, with a note, not lists", async () => {
    const price = (i: number) => (i % 3 ? `${i % 13},${i % 10}5` : `${i % 13}`);
    const draft = await drafted(["click;user;price", ...events((i) => `${click(i)};u${i % 30};${price(i)}`)]);
    expect(roleOf(draft, "price")).toBe("categorical");
    expect(draft.notes).toEqual([expect.stringContaining("price has commas in its numbers")]);
    const lists = await drafted([
      "click;user;ids",
      ...events((i) => `${click(i)};u${i % 30};1${i % 9},2${i % 4}${i % 2 ? ",3" : ""}`),
    ]);
    expect([roleOf(lists, "ids"), lists.notes]).toEqual(["bag", []]);
  });

  it("whose thousands are grouped by commas are numbers to mend, no lists; ids of three digits are lists", async () => {
    const price = (i: number) => `"${i % 9 ? `${1 + (i % 12)},` : ""}${100 + (i % 5)}.50"`;
    const draft = await drafted(["click,price,ad", ...events((i) => `${click(i)},${price(i)},a${i % 30}`)]);
    expect(roleOf(draft, "price")).toBe("categorical");
    expect(draft.notes).toEqual([expect.stringContaining("price has commas in its numbers")]);
    const ids = (i: number) => `"${100 + (i % 9)},${200 + (i % 5)},300"`;
    const lists = await drafted(["click,ids,ad", ...events((i) => `${click(i)},${ids(i)},a${i % 30}`)]);
    expect([roleOf(lists, "ids"), lists.notes]).toEqual(["bag", []]);
  });

  it.each([
    ["day", (i: number) => `${1 + (i % 28)}.${1 + (i % 12)}.2024 1${i % 9}:30`],
    ["when", (i: number) => `${1 + (i % 12)}/${1 + (i % 28)}/2024 ${1 + (i % 12)}:30:00 PM`],
    ["hour", (i: number) => `1410${21 + (i % 9)}0${i % 9}`],
    ["date", (i: number) => `202410${11 + (i % 9)}`],
  ])("of dates that a spec cannot read have a note: %s was a category in silence", async (name, date) => {
    const draft = await drafted([`click,user,${name}`, ...events((i) => `${click(i)},u${i % 30},${date(i)}`)]);
    expect(draft.notes).toEqual([expect.stringContaining(`${name} looks like a date that a spec cannot read`)]);
  });

  it("of queries have a note that their texts are learned as a whole", async () => {
    const query = (i: number) => `w${i % 7} v${i % 11} u${i % 3}`;
    const draft = await drafted(["click,query,city", ...events((i) => `${click(i)},${query(i)},New ${i % 150}`)]);
    expect(draft.notes).toEqual([expect.stringContaining("query has texts of several words")]);
  });

  it("of ids between spaces are bags, also if few recur: a history was one category", async () => {
    const history = (i: number) => Array.from({ length: i % 6 }, (_, at) => `N${i * 7 + at * 31}`).join(" ");
    const draft = await drafted(["click,history,os", ...events((i) => `${click(i)},${history(i)},os ${i % 9}`)]);
    expect([roleOf(draft, "history"), roleOf(draft, "os")]).toEqual(["bag", "categorical"]);
    expect(draft.spec).toContain('separator: " "');
    const row = [...events((i) => `1${i % 3} 2${i % 4} 3${i % 5} 4`)];
    expect(roleOf(await drafted(["click,codes", ...row.map((codes, i) => `${click(i)},${codes}`)]), "codes")).toBe(
      "categorical",
    );
  });

  it("that have no name and a wide range are ids, and share the table of lists of them: they were quantities", async () => {
    const item = (i: number) => 4000 + ((i * 37) % 100) * 31;
    const history = (i: number) => Array.from({ length: 1 + (i % 6) }, (_, at) => item(i + at)).join("|");
    const draft = await drafted(
      events((i) => `${click(i)},${9 + ((i * 53) % 150) * 7},${item(i)},${history(i)}`, 1000),
    );
    expect(draft.columns.map(({ type }) => type)).toEqual([null, "categorical", "categorical", "bag"]);
    expect(draft.spec).toContain("- { name: c3, type: categorical, table: c3 }");
    expect(draft.spec).toContain("- { name: c4, type: bag, max_length: 8, table: c3 }");
    expect(draft.spec).toContain("  c3: { dim: 16, salt: table }");
    const counts = (i: number) => (i * i * 7919) % (1 + (i % 90) ** 3);
    const rows = events((i) => `${click(i)},${(i * 7919) % 90_001},${1000 + ((i * 53) % 150)},${counts(i)}`, 999);
    const more = [...rows, rows[0]];
    expect((await drafted(more)).columns.map(({ type }) => type)).toEqual([null, "categorical", "numeric", "numeric"]);
  });

  it("of weights and counts have a note", async () => {
    const weighted = ["click,ad,sample_weight", ...events((i) => `${click(i)},a${i % 9},${1 + (i % 40) / 4}`)];
    expect((await drafted(weighted)).notes).toEqual([expect.stringContaining("label's weight")]);
    const counted = ["Click,Impression,ad", ...events((i) => `${i % 5 ? 0 : i % 4},${4 + (i % 3)},a${i % 9}`)];
    expect((await drafted(counted, { label: "Click" })).notes).toEqual([
      expect.stringContaining("Click seems to be a count"),
    ]);
  });

  it("get names that a spec accepts, whatever the columns are called", async () => {
    const header = 'click,"the ad",2nd,the_ad,true';
    const draft = await drafted([header, ...events((i) => `${click(i)},a${i % 3},b${i % 4},c${i % 5},d${i % 6}`)]);
    expect(parseSpec(draft.spec, "draft.yaml").fields.map(({ name }) => name)).toEqual([
      "the_ad",
      "f_2nd",
      "the_ad_2",
      "true",
    ]);
  });

  it("may be digits, words of YAML, or hold the end of a line", async () => {
    const line = (i: number) => `{"click": ${click(i)}, "0": "a${i % 3}", "no": "b${i % 4}", "x\\nlabel: {": "same"}`;
    const draft = await drafted(events(line), {}, "null.json");
    const { name, fields } = parseSpec(draft.spec, "draft.yaml");
    expect([name, fields.flatMap((field) => ("from" in field ? [field.from] : []))]).toEqual(["null", ["0", "no"]]);
    expect(draft.columns.at(-1)).toMatchObject({ from: "x\nlabel: {", role: "left_out" });
    expect(parseSpec((await drafted(events(line), { name: "true" })).spec, "draft.yaml").name).toBe("true");
  });

  it("that are insufficient give an error with the reason", async () => {
    const failure = draftSpec({ data: file(["click,x", ...events((i) => `${click(i)},1`)]) });
    await expect(failure).rejects.toMatchObject({ code: "usage", hint: "x is always the same" });
  });

  it.each([
    ["a purchase's id", (i: number) => (i % 14 ? "" : `p${i}`)],
    ["a like", (i: number) => (i % 14 ? 0 : 1)],
    ["the seconds on the page", (i: number) => (click(i) ? 3 + (i % 90) : 0)],
  ])(
    "that only positives have are left out: %s, known after the click, made models that cannot serve",
    async (_, of) => {
      const draft = await drafted(["click,ad,after", ...events((i) => `${click(i)},a${i % 11},${of(i)}`, 700)]);
      expect([roleOf(draft, "ad"), roleOf(draft, "after")]).toEqual(["categorical", "left_out"]);
      expect(draft.columns.at(-1)!.why).toMatch(/^(is set only in positive events|determines the label), so it is/);
    },
  );

  it("that rare positives have by chance are kept", async () => {
    const draft = await drafted(["click,ad,promo", ...events((i) => `${click(i)},a${i % 11},${Number(i % 70 === 0)}`)]);
    expect(roleOf(draft, "promo")).toBe("categorical");
  });

  it("that determine the label are kept if there are no others, with a note", async () => {
    const draft = await drafted(["click,ad", ...events((i) => `${Number(i % 3 === 0)},a${i % 9}`)]);
    expect(roleOf(draft, "ad")).toBe("categorical");
    expect(draft.notes).toEqual(["ad determines the label: check that it is known before the click"]);
  });

  it("vectors are left out of an lr, and said to be; nothing else to learn from is an error that says so", async () => {
    const vector = (i: number) => [i / 7, 0.5, 0.25, -1.5];
    const lines = events((i) => JSON.stringify({ label: click(i), user: `u${i % 30}`, taste: vector(i) }));
    const draft = await drafted(lines, { tower: "lr" }, "lr-vectors.json");
    expect(parseSpec(draft.spec, "draft.yaml").fields.map(({ name }) => name)).toEqual(["user"]);
    expect(roleOf(draft, "taste")).toBe("left_out");
    expect(draft.spec).toContain("# Left out: taste is a vector, which lr does not read.");
    const only = events((i) => JSON.stringify({ label: click(i), taste: vector(i) }));
    const alone = draftSpec({ data: file(only, "only-vectors.json"), tower: "lr" });
    await expect(alone).rejects.toMatchObject({ code: "usage", hint: "taste is a vector, which lr does not read" });
  });

  it.each([
    ["of few values", {}, "age", 10],
    ["of few values for lr", { tower: "lr" }, "age", 1],
    ["of few values, of which the sample is a part", { rows: 100 }, "age", 1],
    ["of ids", {}, "user_id", 1],
  ] as const)("%s get a number of passes", async (_, options, name, passes) => {
    const lines = [`click,${name}`, ...events((i) => `${click(i)},${i % 40}`)];
    expect(await drafted(lines, options)).toMatchObject({ passes });
  });

  it("for lr share one table", async () => {
    const lines = ["click,price,ad,tags", ...events((i) => `${click(i)},${i / 3},a${i % 30},x|y${i % 4}`)];
    const { tables, tower } = parseSpec((await drafted(lines, { tower: "lr" })).spec, "draft.yaml");
    expect(tables).toHaveLength(1);
    expect(tower).toMatchObject({ kind: "lr" });
  });
});

it("drafts a spec that compiles and fits, for any columns", async () => {
  const cell = fc.oneof(
    fc.integer().map(String),
    fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
    fc.constantFrom("", "NA", "true", "0", "007", "2024-01-01", "a|b", "x;y", "é", "null", "- x", "{", "#", "'", "1e5"),
    fc.string({ unit: "grapheme-ascii", maxLength: 6 }).map((text) => text.replace(/[",\r\n]/g, "_")),
  );
  const table = fc
    .integer({ min: 1, max: 5 })
    .chain((width) =>
      fc.array(fc.array(cell, { minLength: width, maxLength: width }), { minLength: 3, maxLength: 30 }),
    );
  await fc.assert(
    fc.asyncProperty(table, async (rows) => {
      const header = ["click", "ad", ...rows[0].map((_, i) => `col ${i}`)].join(",");
      await drafted([header, ...rows.map((row, i) => [i % 2, `a${i % 3}`, ...row].join(","))]);
    }),
    { numRuns: 60 },
  );
});

const shared = "../shared/data";
const real = [
  ["ciao/ratings.csv.gz", { rating: "label", user_id: "categorical" }],
  ["avazu-10k/train-10k.csv.gz", { click: "label", id: "id", device_ip: "categorical", hour: "left_out" }],
  ["criteo-kaggle-10k/train-10k.txt.gz", { c1: "label", c2: "numeric", c40: "categorical" }],
  ["ml-latest-small/ratings.csv.gz", { rating: "label", timestamp: "time", movieId: "categorical" }],
] as const;

it.skipIf(!existsSync(shared)).each(real)("%s: every event fits", async (path, roles) => {
  const draft = await draftSpec({ data: join(shared, path), rows: 2000 });
  expect(draft.check).toMatchObject({ rejected: 0, accepted: draft.rows });
  expect(draft.rows).toBeGreaterThan(1900);
  for (const [from, role] of Object.entries(roles)) expect([from, roleOf(draft, from)]).toEqual([from, role]);
});

it("that the label may be in one of a few columns is said with their values: all columns were listed", async () => {
  const kinds = ["pv", "cart", "fav", "buy"];
  const data = file(["user,behavior", ...events((i) => `u${i % 30},${kinds[i % 4]}`)]);
  await expect(draftSpec({ data })).rejects.toMatchObject({
    hint: 'give --label COLUMN and --positive VALUE; these have few values: behavior ("pv", "cart", "fav", "buy")',
  });
});

describe("lines of several items with a label each", () => {
  const shown = (i: number) => Array.from({ length: 2 + (i % 4) }, (_, at) => `N${i + at}-${click(i + at)}`).join(" ");
  const asked = (i: number) => ({ user: `u${i % 30}`, candidates: [{ item: `a${i % 9}`, clicked: click(i) }] });

  it.each([
    ["shown", "impressions.csv", ["user,shown", ...events((i) => `u${i % 30},${shown(i)}`)]],
    ["candidates", "requests.json", events((i) => JSON.stringify(asked(i)))],
  ])(
    "are reported with how to write them: the label of %s could not be inferred in silence",
    async (name, at, lines) => {
      await expect(draftSpec({ data: file(lines, at) })).rejects.toMatchObject({
        code: "usage",
        message: `cannot infer the label column: ${name} lists several items in a line`,
        hint: expect.stringContaining("a line for each item"),
      });
    },
  );
});

describe("data sets that were not drafted well", () => {
  it.each(["is_booking", "Survived", "isClicked", "hasChurned", "is_recommended"])(
    "the label of %s beside another column of two values was asked for",
    async (name) => {
      const lines = [`sex,${name},item`, ...events((i) => `${i % 3 ? 0 : 1},${click(i)},a${i % 9}`)];
      expect(roleOf(await drafted(lines), name)).toBe("label");
    },
  );

  it("spaces after the commas (Adult) are trimmed: numbers were texts, and requests needed the spaces", async () => {
    const row = (i: number) => `${20 + (i % 60)}, w${i % 5}, ${i % 40}, ${i % 7 ? "<=50K" : ">50K"}`;
    const lines = ["age, workclass, hours, income", ...events(row)];
    const draft = await drafted(lines, { label: "income" });
    expect(draft.columns.map(({ from, type }) => [from, type])).toEqual([
      ["age", "numeric"],
      ["workclass", "categorical"],
      ["hours", "numeric"],
      ["income", null],
    ]);
    expect(parseSpec(draft.spec, "draft").events.trim).toBe(true);
    expect(draft.notes).toEqual([]);
    expect(draft.check).toMatchObject({ rejected: 0, warnings: [] });
  });

  it("spaces before the values of one column are noted", async () => {
    const draft = await drafted(["y,a,b", ...events((i) => `${click(i)}, w${i % 5},${i % 40}`)]);
    expect(draft.notes).toEqual([expect.stringContaining("values of a begin with a space, which is part of them")]);
  });

  it("long numbers without a name (YooChoose's items) are ids: they were quantities within a narrow range", async () => {
    const draft = await drafted(
      events((i) => `${click(i)},${214_536_500 + ((i * 37) % 401)},${2000 + ((i * 31) % 401)}`, 1000),
    );
    expect(draft.columns.map(({ type }) => type)).toEqual([null, "categorical", "numeric"]);
  });

  it("quantities whose names only end like those of ids (bid, capacity, videos) stay quantities", async () => {
    const names = ["bid", "avg_bid", "paid", "capacity", "downloadBytesLoad", "videos", "userid", "userID", "barcode"];
    const numbers = (i: number) => names.map((_, at) => ((i * 7919) % 90_001) + at);
    const rows = events((i) => `${click(i)},${numbers(i)}`, 999);
    const draft = await drafted([`click,${names}`, ...rows, rows[0]]);
    const found = draft.columns.slice(1).map(({ type }) => type);
    expect(found).toEqual([...Array(6).fill("numeric"), ...Array(3).fill("categorical")]);
    expect(draft.columns[1].why).toMatch(/^\d+ to 8\d{4}, median \d{5}$/);
  });

  it("a header with a name that is also a value (y of a column of y and n) was taken for an event", async () => {
    const draft = await drafted(["y,arm,week", ...events((i) => `${i % 7 ? "y" : "n"},p${i % 3},${i % 12}`)]);
    expect(draft.columns.map(({ from, role }) => [from, role])).toEqual([
      ["y", "label"],
      ["arm", "field"],
      ["week", "field"],
    ]);
  });

  it("an event of texts alone above numbers stays an event if its text is a missing number", async () => {
    const draft = await drafted(["y,NA", ...events((i) => `${i % 7 ? "y" : "n"},${i % 90}`)]);
    expect(draft.columns.map(({ from }) => from)).toEqual(["c1", "c2"]);
  });

  it.each([
    ["first", (i: number) => `${click(i)},a${i % 9},${i % 5}`, "c1"],
    ["last, as UCI's are", (i: number) => `a${i % 9},${i % 5},${i % 3 ? "x" : "z"},${click(i)}`, "c4"],
    [
      "last, beside the sex",
      (i: number) => `${i % 3 ? "Male" : "Female"},a${i % 9},${click(i) ? "won" : "lost"}`,
      "c3",
    ],
  ])("the label of a file without a header is the %s column", async (_, line, from) => {
    expect(roleOf(await drafted(events(line)), from)).toBe("label");
  });

  it("two values in the first and the last column of a file without a header are asked about: the first was taken", async () => {
    const lines = events((i) => `${i % 3 ? "f" : "t"},a${i % 9},${click(i) ? "won" : "lost"}`);
    await expect(draftSpec({ data: file(lines) })).rejects.toMatchObject({
      hint: "give --label COLUMN; these have two values: c1, c3",
    });
  });

  it("of a column of scores and a last one of 0 and 1 (audit), the scores were the label", async () => {
    const line = (i: number) => `${(i * 7) % 40},${2 + (i % 5)},${(i % 13) / 2},${click(i)}`;
    const draft = await drafted(["PARA_A,Score,District,Risk", ...events(line)]);
    expect(roleOf(draft, "Risk")).toBe("label");
    const rated = await drafted(["user,rating,liked", ...events((i) => `u${i % 9},${i % 5},${click(i)}`)]);
    expect(roleOf(rated, "rating")).toBe("label");
  });

  it("a label that is guessed, because no other column can be one, is noted: is_state was taken for one in silence", async () => {
    const draft = await drafted(["is_state,district,votes", ...events((i) => `${click(i)},d${i % 9},${i * 3}`)]);
    expect(draft.notes).toEqual([expect.stringContaining("is_state is taken for the label")]);
    const given = await drafted(["is_state,district", ...events((i) => `${click(i)},d${i % 9}`)], {
      label: "is_state",
    });
    expect(given.notes).toEqual([]);
  });

  it("events that are sorted by their label are noted: what --validate-last holds out had one class", async () => {
    const sorted = await drafted(["label,item", ...events((i) => `${i < 150 ? 0 : 1},a${(i * 7) % 9}`)]);
    expect(sorted.notes).toEqual([expect.stringContaining("events are sorted by label")]);
    const few = await drafted(["label,item", ...events((i) => `${i < 195 ? 0 : 1},a${(i * 7) % 9}`)]);
    expect(few.notes).toEqual([]);
    const inTime = await drafted([
      "label,ts,item",
      ...events((i) => `${i < 150 ? 0 : 1},${1.7e12 + i * 1000},a${i % 9}`),
    ]);
    expect(inTime.notes).toEqual([]);
  });

  it("the sex of a person, as the only column of two values, was taken for the label", async () => {
    const lines = ["gender,age,status", ...events((i) => `${i % 3 ? "male" : "female"},${20 + i / 7},s${i % 3}`)];
    await expect(draftSpec({ data: file(lines) })).rejects.toMatchObject({ code: "usage" });
  });

  it("one of two columns of two values was taken for the label because the other one is the sex", async () => {
    const lines = [
      "sex,age,child",
      ...events((i) => `${i % 3 ? "male" : "female"},${20 + i / 7},${i % 5 ? "no" : "yes"}`),
    ];
    await expect(draftSpec({ data: file(lines) })).rejects.toMatchObject({
      hint: "give --label COLUMN; these have two values: sex, child",
    });
  });

  it("the label 1 behind a space was negative where it is the more frequent one", async () => {
    const draft = await drafted(events((i) => `a${i % 9}, ${i % 3 ? 1 : 0},b${i % 5}`));
    expect(draft.columns[1]).toMatchObject({ role: "label", why: '" 1" is the positive value' });
  });

  it.each([
    ["class", "phone"],
    ["subscribed", "default"],
  ])("the label of %s beside %s was asked for", async (label, other) => {
    const lines = [`${other},item,${label}`, ...events((i) => `${i % 3 ? "no" : "yes"},a${i % 9},${click(i)}`)];
    expect(roleOf(await drafted(lines), label)).toBe("label");
  });

  it.each([" ", ".", "#N/A", "unknown"])("numbers of which some are %j were texts", async (missing) => {
    const lines = ["click,total", ...events((i) => `${click(i)},${i % 50 ? i / 7 : missing}`)];
    const draft = await drafted(lines);
    expect(roleOf(draft, "total")).toBe("numeric");
    expect(draft.check!.fields[0]).toMatchObject({ present: 0.98 });
  });

  it.each([{}, { positive: ">50K" }, { positive: ">=50K" }])(
    "the label >50K (Adult) is no threshold: the draft did not compile, %j",
    async ({ positive }) => {
      const more = positive ?? ">50K";
      const lines = ["age,income", ...events((i) => `${20 + i / 9},${click(i) ? more : "<=50K"}`)];
      const draft = await drafted(lines, positive === undefined ? {} : { positive });
      expect(parseSpec(draft.spec, "draft.yaml").label.positive).toEqual({ any_of: [more] });
      expect(draft.check!.label.positive_rate).toBeCloseTo(1 / 7, 1);
    },
  );

  it("a column that is the same in the first 10,000 of 12,000 events was left out", async () => {
    const lines = ["click,source", ...events((i) => `${click(i)},${i < 10_000 ? "a" : `b${i % 5}`}`, 12_000)];
    expect(roleOf(await drafted(lines), "source")).toBe("categorical");
  });
});
