import { expect, it } from "vitest";
import { wholeLines } from "../../src/core/lines.js";
import fc from "../properties.js";

it("gives the lines that have ended, and what remains, however the bytes are cut", () => {
  const text = fc.array(fc.constantFrom("a", "é", "\n", "\r\n", ""), { maxLength: 40 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(text, fc.nat(40), (all, at) => {
      const bytes = Buffer.from(all);
      const first = wholeLines(bytes.subarray(0, at));
      const second = wholeLines(Buffer.concat([first.rest, bytes.subarray(at)]));
      const expected = all.split("\n");
      expect([...first.lines, ...second.lines, second.rest].map(String)).toEqual(expected);
    }),
  );
});
