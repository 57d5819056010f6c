import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compiledFromJson, specHash } from "../../src/spec/compile.js";
import { decodeIdentity } from "../../src/spec/decode-identity.js";
import { parseSpec } from "../../src/spec/parse.js";

const text = readFileSync("features/ads-demo-join.yaml", "utf8");
const keyless = text.replace(", id: event_id, oracle", ", oracle");
const CLICKS = "clicks: { format: tsv, columns: [user, ad, ts], time: ts }";

const spec = (join: string, from = keyless) =>
  parseSpec(from.replace(/ {2}clicks: .*\n/, join.replace(/^/gm, "  ").concat("\n")), "key.yaml");

function wrong(join: string, from?: string): string {
  try {
    return spec(join, from).name;
  } catch (error) {
    return (error as Error).message;
  }
}

describe("join.key", () => {
  it("applies to the label and, by default, to clicks, and survives a round trip through a checkpoint's JSON", () => {
    const compiled = spec(`key: [user, ad]\n${CLICKS}`);
    expect(compiled.label).toMatchObject({ id: null, key: ["user", "ad"] });
    expect(compiled.label).not.toHaveProperty("id_window");
    expect(compiled.join?.clicks).toMatchObject({ id: null, key: ["user", "ad"] });
    expect(compiledFromJson(JSON.stringify(compiled))).toEqual(compiled);
    const named = spec("key: [user, ad]\nclicks: { format: json, key: [who.id, what], time: ts }");
    expect(named.join?.clicks.key).toEqual(["who.id", "what"]);
  });

  it("is part of the decode identity", () => {
    const [one, two] = ["[user]", "[user, ad]"].map((key) => spec(`key: ${key}\n${CLICKS}`));
    expect(decodeIdentity(one).hash).not.toBe(decodeIdentity(two).hash);
    expect(specHash(one)).not.toBe(specHash(two));
  });

  it.each([
    [`key: [user, ad]\n${CLICKS}`, text, "join.key: cannot be used with an id of impressions"],
    [`key: [user]\n${CLICKS.replace("time", "id: ad, time")}`, keyless, "join.clicks.id: cannot be used with join.key"],
    [CLICKS.replace("time", "key: [user], time"), text, "join.clicks.key: requires join.key, which is missing"],
    [CLICKS, text, 'join.clicks: "id" is missing'],
    [CLICKS.replace("time", "id: user, time"), keyless, "join: impressions have no id"],
    [
      `key: [user, ad]\n${CLICKS.replace("time", "key: [user], time")}`,
      keyless,
      "must have 2 values, as join.key, got 1",
    ],
    [`key: [user, adv]\n${CLICKS.replace("time", "key: [user, ad], time")}`, keyless, '"adv" is not a column'],
    [`key: [user, site]\n${CLICKS}`, keyless, 'join.clicks.key[1]: "site" is not a column'],
    [`key: []\n${CLICKS}`, keyless, "join.key"],
    [`key: [user, user]\n${CLICKS}`, keyless, 'join.key[1]: "user" is listed twice'],
    [
      `key: [user, ad]\n${CLICKS.replace("time", "key: [user, user], time")}`,
      keyless,
      'join.clicks.key[1]: "user" is listed twice',
    ],
    [
      `key: [user]\n${CLICKS}\nconversions: { format: json, id: u, time: t }`,
      keyless,
      "join.conversions: cannot be used with join.key",
    ],
    [
      `key: [user]\n${CLICKS}\ncorrect: { ages: [1h] }`,
      keyless.replace("  window: 15m\n", ""),
      "join.correct: cannot be used with join.key",
    ],
  ])("is refused if invalid: %#", (join, from, message) => {
    expect(wrong(join, from)).toContain(message);
  });
});
