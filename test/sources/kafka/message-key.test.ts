import { expect, it } from "vitest";
import { keyFrom } from "../../../src/sources/kafka/message-key.js";

const key = (column: string, line: string) => keyFrom(column)(Buffer.from(line));

it("takes a 64-bit id with all its digits, so that neighbours keep keys of their own", () => {
  const rows = ["9007199254740992", "9007199254740993", "18446744073709551615"];
  expect(rows.map((id) => key("user.id", `{"user": {"id": ${id}}, "price": 1.50}`))).toEqual(rows);
  expect(["7", "1.50", '"a"', "true", "null"].map((id) => key("id", `{"id": ${id}}`))).toEqual([
    "7",
    "1.5",
    "a",
    "true",
    null,
  ]);
});

it("finds no key in what every object inherits", () => {
  expect(["constructor", "toString", "__proto__"].map((name) => key(name, '{"id": 1}'))).toEqual([null, null, null]);
  expect(key("constructor", '{"constructor": "c"}')).toBe("c");
});
