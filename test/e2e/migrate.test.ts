import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { MigrationReport } from "../../src/migrate/migrate.js";
import { report, run } from "./hashbrook.js";

const folder = mkdtempSync(join(tmpdir(), "hashbrook-migrate-"));
const at = (name: string) => join(folder, name);
const spec = readFileSync(new URL("../../features/ads-demo.yaml", import.meta.url), "utf8");

function specWith(name: string, users: string, other = (text: string) => text): string {
  writeFileSync(at(name), other(spec.replace("users: { dim: 8,", `users: { dim: 8, ${users},`)));
  return at(name);
}

const train = (...args: string[]) => report(["train", "--checkpoint-seconds", "0", ...args]);
const migrate = (...args: string[]) => run(["migrate", ...args, "--json"]);
const migrated = (...args: string[]) => report(["migrate", ...args]) as unknown as MigrationReport;

beforeAll(async () => {
  await run(["simulate", "--rows", "30000", "--seed", "3", "--out", at("all.tsv")]);
  const rows = readFileSync(at("all.tsv"), "utf8").trimEnd().split("\n");
  writeFileSync(at("test.tsv"), `${rows.slice(-6000).join("\n")}\n`);
  await train(
    "--model",
    specWith("exact.yaml", "encoding: exact"),
    "--data",
    at("all.tsv"),
    "--limit",
    "20000",
    "--out",
    at("exact"),
  );
  exactAuc = await auc("exact");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Figures of the original model, with which the others are compared. */
let exactAuc: number;
const auc = async (name: string) => (await report(["eval", "--checkpoint", at(name), "--data", at("test.tsv")])).auc!;

describe("migrate", () => {
  const targets = {
    hash: "encoding: hash, rows: 6000",
    shared: "encoding: shared, salt: table, rows: 8000",
    compositional: "encoding: compositional, rows: 8000",
    multi_hash: "encoding: multi_hash, rows: 5000",
    hot_cold: "encoding: hot_cold, rows: 2000, hot_cold: { cold: { rows: 3000 } }",
  };

  it.each(Object.entries(targets))(
    "converts the learned vectors to %s, and training continues from there",
    async (name, users) => {
      const model = specWith(`${name}.yaml`, users);
      const done = await migrated("--checkpoint", at("exact"), "--model", model, "--out", at(name));
      expect(done.examples).toBe(20000);
      expect(done.tables).toHaveLength(1);
      expect(done.tables[0]).toMatchObject({ name: "users", from: "exact", to: name });
      expect(done.tables[0].error).toBeLessThan(0.95);
      expect(await auc(name)).toBeGreaterThan(exactAuc - 0.003);
      const more = await train(
        "--model",
        model,
        "--data",
        at("all.tsv"),
        "--out",
        at(name),
        "--resume",
        "--limit",
        "22500",
      );
      expect(more.examples).toBe(22500);
      expect(more.examples_this_run).toBe(2500);
    },
  );

  it("converts the ids in events if the table does not store ids", async () => {
    const back = ["--model", at("exact.yaml"), "--out", at("back")];
    const refused = await migrate("--checkpoint", at("hash"), ...back);
    expect(refused.status).toBe(2);
    expect(refused.stdout).toMatch(/stores shared rows, not ids/);
    const done = await migrated("--checkpoint", at("hash"), ...back, "--data", at("all.tsv"));
    expect(done.tables[0]).toMatchObject({ from: "hash", to: "exact" });
    expect(done.tables[0].error).toBeLessThan(1e-6);
    expect(await auc("back")).toBeCloseTo(await auc("hash"), 5);
  });

  it("refuses a spec that differs in more than encodings, naming the difference, and a directory that contains a model", async () => {
    const wider = specWith("wider.yaml", "encoding: exact", (text) =>
      text.replace("residual: [128, 128]", "residual: [64]"),
    );
    const other = specWith("other.yaml", "encoding: exact, salt: field");
    const shared = specWith("shared-field.yaml", "encoding: shared, rows: 8000");
    const longer = specWith("longer.yaml", "encoding: exact", (text) =>
      text.replace("ads: { dim: 8", "ads: { dim: 16"),
    );
    for (const [model, what, mend] of [
      [wider, "tower has changed", "restore the old tower"],
      [other, "tables.users.salt is field, was table", "write `salt: table` in tables.users"],
      [
        shared,
        "tables.users.salt is field, was table (the default of encoding shared",
        "write `salt: table` in tables.users",
      ],
      [longer, "tables.ads.dim is 16, was 8", "write `dim: 8` in tables.ads"],
    ]) {
      const child = await migrate("--checkpoint", at("exact"), "--model", model, "--out", at("never"));
      expect(JSON.parse(child.stdout).error).toMatchObject({
        code: "checkpoint_mismatch",
        message: expect.stringContaining(what),
        hint: expect.stringContaining(mend),
      });
    }
    const taken = await migrate("--checkpoint", at("exact"), "--model", at("hash.yaml"), "--out", at("exact"));
    expect(JSON.parse(taken.stdout).error.code).toBe("output_exists");
  });

  it("reports what it resets, and warns if quality may drop", async () => {
    const small = specWith("small.yaml", "encoding: hash, rows: 20");
    const { stdout, stderr } = await run([
      "migrate",
      "--checkpoint",
      at("exact"),
      "--model",
      small,
      "--out",
      at("small"),
    ]);
    expect(stdout).toContain("their optimizer state was reset");
    expect(stderr).toMatch(/warning: table users: quality may drop: .* \d+ % of their norm\n {2}compare/);
    const rate = specWith("rate.yaml", "encoding: exact", (text) => text.replace("alpha: 0.4", "alpha: 0.1"));
    const changed = await migrated("--checkpoint", at("exact"), "--model", rate, "--out", at("rate"));
    expect(changed.tables).toMatchObject([{ name: "users", from: "exact", to: "exact", optimizer_state: "reset" }]);
    expect(changed.tables[0].error).toBeLessThan(1e-6);
    expect(changed.warnings).toEqual([]);
    expect(await auc("rate")).toBeCloseTo(exactAuc, 5);
    const { stdout: help } = await run(["migrate", "--help"]);
    expect(help).toMatch(/optimizer and rates/);
    expect(help).toMatch(/starts at 0/);
  });
});
