import { expect, it } from "vitest";
import { type RejectedRow, rejectSamples, rejectText } from "../../src/train/rejects/rejects.js";

const click = { column: "click", value: "yes", expected: "1 (positive), or 0 or -1" };
const bytes = new Uint8Array(3);
const message: RejectedRow = { ...click, code: "bad_label", file: "ads[2]", row: 0, offset: 41, bytes, length: 3 };

it("a rejected message is named with its topic, partition and offset", () => {
  const first = { ...message, offset: 0 };
  expect(rejectText(message)).toBe('ads[2]:41: click: bad_label: "yes", expected 1 (positive), or 0 or -1');
  expect(rejectText(first)).toBe('ads[2]:0: click: bad_label: "yes", expected 1 (positive), or 0 or -1');
  expect(rejectSamples(new Map([["bad_label", message]]))).toEqual({
    bad_label: { ...click, file: "ads[2]", row: 41 },
  });
});

it("a rejected line of a file is named with its number", () => {
  const line = { ...message, file: "ads.tsv", row: 7 };
  expect(rejectText(line)).toBe('ads.tsv:7: click: bad_label: "yes", expected 1 (positive), or 0 or -1');
});
