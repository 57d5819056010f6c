import { HashbrookError } from "../../core/errors.js";
import { isObject } from "../../core/json.js";
import { parsed } from "../http/endpoint.js";
import { MAX_CANDIDATES } from "../scorer.js";
import { BRACE, BRACE_END, BRACKET, BRACKET_END, COMMA, elementsAt, rawMembers } from "./raw-json.js";
import { invalid, tooMany } from "./request.js";

const NAME = '"columns"';
/** Maximum size of the candidates made from columns, in bytes. */
const MAX_TEXT = 32 << 20;
/** Maximum size in bytes for which a loop is faster than a bulk copy. */
const SHORT = 32;

/**
 * Converts a score request's body with `columns` to one with `candidates`, keeping every value's text. A body without
 * columns is returned unchanged.
 * @throws HashbrookError request_invalid naming the column, items_too_many, request_too_large
 */
export function withCandidates(body: Uint8Array): Uint8Array {
  if (!Buffer.from(body.buffer, body.byteOffset, body.length).includes(NAME)) return body;
  const value = parsed(body);
  if (!isObject(value) || !Object.hasOwn(value, "columns")) return body;
  if (Object.hasOwn(value, "candidates"))
    throw invalid("body: candidates and columns cannot be combined", "send one of them");
  checkColumns(value.columns);
  const members = rawMembers(body);
  const columns = [...rawMembers(members.get("columns")!)].map(([name, list]) => {
    return { name: nameOf(name), list, places: elementsAt(list, list.indexOf(BRACKET)) };
  });
  members.delete("columns");
  members.set("candidates", candidatesOf(columns));
  return objectOf(members);
}

function checkColumns(columns: unknown): void {
  if (!isObject(columns)) throw invalid("columns: must be an object of arrays");
  const entries = Object.entries(columns);
  if (entries.length === 0) throw invalid("columns: must have at least one column");
  for (const [name, values] of entries) if (!Array.isArray(values)) throw invalid(`columns.${name}: must be an array`);
  const [[first, { length }], ...others] = entries as [string, unknown[]][];
  const other = others.find(([, values]) => values.length !== length);
  if (other) throw invalid(`columns.${other[0]}: has ${other[1].length} values, but columns.${first} has ${length}`);
  if (length === 0) throw invalid("columns: must have at least one candidate");
  if (length > MAX_CANDIDATES) throw tooMany(`columns.${first}`, length, MAX_CANDIDATES);
}

interface Column {
  /** Its name as a JSON member, with the colon. */
  readonly name: Uint8Array;
  readonly list: Uint8Array;
  readonly places: readonly (readonly [from: number, to: number])[];
}

/**
 * @throws HashbrookError request_too_large: every row repeats every name, so a short body can expand to a very long one
 */
function candidatesOf(columns: readonly Column[]): Uint8Array {
  const rows = columns[0].places.length;
  const values = columns.reduce((sum, { places }) => sum + places.reduce((all, [from, to]) => all + to - from, 0), 0);
  // Brackets and commas: two and one per row, one per value.
  const size = 2 + values + rows * columns.reduce((sum, { name }) => sum + name.length + 1, 2);
  if (size > MAX_TEXT) {
    throw new HashbrookError(
      "request_too_large",
      `columns: larger than ${MAX_TEXT} bytes when converted to candidates`,
      {
        hint: "split the request, or leave out columns that no field reads",
      },
    );
  }
  const text = new Text(size);
  for (let row = 0; row < rows; row++) {
    text.byte(row === 0 ? BRACKET : COMMA);
    for (const [i, { name, list, places }] of columns.entries()) {
      text.byte(i === 0 ? BRACE : COMMA);
      text.add(name, 0, name.length);
      text.add(list, ...places[row]);
    }
    text.byte(BRACE_END);
  }
  text.byte(BRACKET_END);
  return text.bytes;
}

/** Appends bytes to a buffer. */
class Text {
  private readonly all: Uint8Array;
  private end = 0;

  constructor(most: number) {
    this.all = new Uint8Array(most);
  }

  get bytes(): Uint8Array {
    return this.all.subarray(0, this.end);
  }

  byte(byte: number): void {
    this.all[this.end++] = byte;
  }

  add(bytes: Uint8Array, from: number, to: number): void {
    if (to - from > SHORT) {
      this.all.set(bytes.subarray(from, to), this.end);
      this.end += to - from;
    } else for (let i = from; i < to; i++) this.all[this.end++] = bytes[i];
  }
}

const nameOf = (name: string): Uint8Array => Buffer.from(`${JSON.stringify(name)}:`);

function objectOf(members: ReadonlyMap<string, Uint8Array>): Uint8Array {
  const parts = [...members].flatMap(([name, value], i) => [Buffer.from(i === 0 ? "{" : ","), nameOf(name), value]);
  return Buffer.concat([...parts, Buffer.from("}")]);
}
