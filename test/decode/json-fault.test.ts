import { describe, expect, it } from "vitest";
import { Decoder } from "../../src/decode/decoder.js";
import { jsonFault } from "../../src/decode/json-fault.js";
import { anyCharacter } from "../code-points.js";
import fc from "../properties.js";
import { feed } from "./feed.js";
import { specOf } from "./generate.js";

const spec = specOf([{ name: "a", type: "categorical", from: "a" }], {
  events: { format: "json", columns: [], header: false, separator: "" },
});
const decoder = new Decoder(spec, { capacity: 10 });

/** What a refused event says. */
function refusal(text: string): string | null {
  decoder.startAt(0, 0);
  const [{ rejects }] = feed(decoder, Buffer.from(`${text}\n`));
  const [reject] = rejects;
  return reject?.code === "bad_json" ? `${reject.value}, expected ${reject.expected}` : null;
}

describe("a line that is not JSON says what is wrong and where", () => {
  const escaped = "a quote that ends the string";
  const value = "a text in quotes, a number, true, false, null, [ or { (JSON has no NaN or Infinity)";
  const object = "one JSON object on the line, without an array around it, NaN or Infinity";
  it.each([
    [
      '{"label":1,"a":"x\u0001y"}',
      "the control character U+0001 at byte offset 17, expected it to be escaped: \\u0001",
    ],
    ['{"label":1,"é":"\t"}', "the control character U+0009 at byte offset 17, expected it to be escaped: \\t"],
    [`{"label":1,"a":${"[".repeat(10_000)}`, "[ at byte offset 526, expected objects and arrays at most 512 deep"],
    ['{"label":1,"a":NaN}', `NaN at byte offset 15, expected ${value}`],
    ['{"label":1,"a":-Infinity}', `-Infinity at byte offset 15, expected ${value}`],
    ['{"label":1,}', "} at byte offset 11, expected a name in double quotes"],
    ['{"label":1,"a":[1;2]}', '; at byte offset 17, expected "," or "]"'],
    ['{"label" 1}', '1 at byte offset 9, expected ":"'],
    ['{"label":1,"a":"open}', `the end at byte offset 21, expected ${escaped}`],
    ['{"label":1', 'the end at byte offset 10, expected "," or "}"'],
    ['{"label":1} {}', "{ at byte offset 12, expected nothing after the object"],
    [
      '{"label":1,"a":"\\x"}',
      '\\x at byte offset 16, expected \\", \\\\, \\/, \\b, \\f, \\n, \\r, \\t, or \\u and four hexadecimal digits',
    ],
    ['[{"label":1}]', `[ at byte offset 0, expected ${object}`],
    [
      `{"label":1,"a":"${"x".repeat(70_000)}\u0002"}`,
      "the control character U+0002 at byte offset 70016, expected it to be escaped: \\u0002",
    ],
  ])("%.60j", (text, expected) => {
    expect(refusal(text)).toBe(expected);
  });
});

it("a fault is found exactly in what the kernel refuses", () => {
  const json = fc
    .tuple(fc.jsonValue({ stringUnit: anyCharacter }), fc.nat(), fc.constantFrom(...'{}[]:,"\\ a1é\u0007', ""))
    .map(([x, at, c]) => {
      const text = JSON.stringify({ label: 1, x });
      return `${text.slice(0, at % text.length)}${c}${text.slice((at % text.length) + 1)}`;
    });
  let faults = 0;
  fc.assert(
    fc.property(json, (text) => {
      const found = jsonFault(Buffer.from(text));
      faults += Number(found !== null);
      expect(found === null ? null : `${found.value}, expected ${found.expected}`).toBe(refusal(text));
    }),
    { numRuns: 1500 },
  );
  expect(faults).toBeGreaterThan(250);
});
