import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { topicOptions } from "../../src/cli/topic-options.js";

const from = (text: string): unknown =>
  topicOptions().find(({ long }) => long === "--from")!.parseArg!(text, undefined);

describe("a time on the command line", () => {
  const { TZ } = process.env;
  beforeEach(() => {
    process.env.TZ = "America/New_York";
  });
  afterEach(() => {
    if (TZ === undefined) delete process.env.TZ;
    else process.env.TZ = TZ;
  });

  it.each([
    ["2026-11-24", "2026-11-24T00:00:00Z"],
    ["2026-11-24T06:00", "2026-11-24T06:00:00Z"],
    ["2026-11-24 06:00:01.5", "2026-11-24T06:00:01.500Z"],
    ["2026-11-24T06:00:00Z", "2026-11-24T06:00:00Z"],
    ["2026-11-24T06:00:00+02:00", "2026-11-24T04:00:00Z"],
    ["2026-11-24 06:00+0200", "2026-11-24T04:00:00Z"],
    ["1969-12-31T23:59:59", "1969-12-31T23:59:59Z"],
  ])("%s is %s on every machine, whatever its own zone", (text, time) => {
    expect(from(text)).toEqual({ at: "time", time: Date.parse(time) });
  });

  it.each(["2026-02-30", "2026-04-31T00:00:00Z", "2026-13-01", "2026-11-24T25:00", "2026-11-24 noon"])(
    "%s is refused: another day was meant",
    (text) => {
      expect(() => from(text)).toThrow("a time such as 2026-11-24T06:00:00Z");
    },
  );
});
