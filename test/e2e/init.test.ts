import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { run, temporary } from "./hashbrook.js";

const folder = temporary();
const data = join(folder, "my events.csv");
writeFileSync(
  data,
  `click,ts,user_id,price\n${Array.from({ length: 600 }, (_, i) => `${Number(i % 5 === (i % 3) + 1)},${1_700_000_000 + i},u${i % 40},${(i % 17) / 4}`).join("\n")}\n`,
);
const spec = join(folder, "model.yaml");
const lastLine = (text: string) => JSON.parse(text.trim().split("\n").at(-1)!);

it("init writes a spec that train accepts, reports its findings, and suggests the next commands", async () => {
  const drafted = await run(["init", "--data", data, "--out", spec]);
  expect(drafted).toMatchObject({ status: 0, stdout: "" });
  expect(drafted.stderr).toMatch(/click +label +1 is positive/);
  expect(drafted.stderr).toContain("600 of 600 events fit the spec");
  expect(drafted.stderr).toContain(`hashbrook train --model ${spec} --data '${data}' --out runs/first`);
  const trained = await run(["train", "--model", spec, "--data", data, "--out", join(folder, "run"), "--json"]);
  expect(trained.status).toBe(0);
  expect(lastLine(trained.stdout)).toMatchObject({ examples: 600, rejected: 0 });
});

it("init of a small table without ids suggests several passes, which train accepts: one pass left it half learned", async () => {
  const table = join(folder, "table.csv");
  const row = (i: number) => `${Number(i % 5 === (i % 3) + 1)},${i % 40},${(i % 17) / 4}`;
  writeFileSync(table, `click,age,price\n${Array.from({ length: 600 }, (_, i) => row(i)).join("\n")}\n`);
  const { stderr } = await run(["init", "--data", table, "--out", join(folder, "table.yaml")]);
  const [, words] = / hashbrook (train .*)/.exec(stderr)!;
  expect(words).toMatch(/--out runs\/first --epochs 10 --validate-last 10% --early-stop 1$/);
  const args = words.replace("runs/first", join(folder, "passes")).split(" ");
  const trained = await run([...args, "--json"]);
  expect(trained.status).toBe(0);
  expect(lastLine(trained.stdout)).toHaveProperty("validation");
});

it("init prints the spec without --out, also from standard input, and all its findings with --json", async () => {
  const printed = await run(["init", "--data", "-"], readFileSync(data, "utf8"));
  expect(printed.status).toBe(0);
  expect(printed.stdout).toMatch(/^name: .*\nevents: \{ format: csv, header: true \}\n/);
  const { stdout } = await run(["init", "--data", data, "--json", "--tower", "lr"]);
  expect(lastLine(stdout)).toMatchObject({
    out: null,
    rows: 600,
    spec: expect.stringContaining("tower: lr"),
    notes: [],
  });
});

it.each([
  ["init", ["--data", "-"]],
  ["export", ["--checkpoint", join(folder, "no-run")]],
])(
  "%s reports an output that cannot be written before it reads: it was noticed when the work was done",
  async (name, args) => {
    const { status, stderr } = await run([name, ...args, "--out", join(data, "below-a-file")], "");
    expect(status).not.toBe(0);
    expect(stderr).toMatch(/below-a-file: (cannot|could not) be written: ENOTDIR[\s\S]*not a folder: check the path/);
  },
);

it("init does not overwrite a spec, and writes nothing if no spec can be drafted", async () => {
  writeFileSync(spec, "mine");
  expect(await run(["init", "--data", data, "--out", spec])).toMatchObject({
    status: 5,
    stderr: expect.stringContaining("--force"),
  });
  expect(readFileSync(spec, "utf8")).toBe("mine");
  expect((await run(["init", "--data", data, "--out", spec, "--force"])).status).toBe(0);
  const failed = await run(["init", "--data", data, "--label", "clik", "--out", join(folder, "none.yaml")]);
  expect(failed).toMatchObject({ status: 2, stderr: expect.stringContaining('no column "clik"') });
  expect(existsSync(join(folder, "none.yaml"))).toBe(false);
  expect(readdirSync(folder).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  const over = await run(["init", "--data", data, "--out", data, "--force"]);
  expect(over.status).toBe(2);
  expect(readFileSync(data, "utf8")).toMatch(/^click,ts/);
});
