const QUOTE = 34;
const BACKSLASH = 92;
const COLON = 58;
const TAB = 9;
const LINE_FEED = 10;
const CARRIAGE_RETURN = 13;
const BLANK = 32;
export const COMMA = 44;
export const BRACKET = 91;
export const BRACKET_END = 93;
export const BRACE = 123;
export const BRACE_END = 125;

/** A member of a JSON object: positions of its name's text (between quotes) and its value. */
export interface Member {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

/** The members of the object that begins at `at`, in order. @param text valid JSON */
export function membersAt(text: Uint8Array, at: number): Member[] {
  const members: Member[] = [];
  let i = skipBlank(text, at + 1);
  while (text[i] === QUOTE) {
    const nameEnd = stringEnd(text, i);
    const name = nameOf(text, i, nameEnd);
    const from = skipBlank(text, afterColon(text, nameEnd));
    const to = valueEnd(text, from);
    members.push({ name, from, to });
    i = skipBlank(text, to);
    if (text[i] === COMMA) i = skipBlank(text, i + 1);
  }
  return members;
}

/** Whether the object that begins at `at` has any member. */
export const hasMembers = (text: Uint8Array, at: number): boolean => text[skipBlank(text, at + 1)] === QUOTE;

/** Start and end of the elements of the array that begins at `at`. @param text valid JSON */
export function elementsAt(text: Uint8Array, at: number): (readonly [from: number, to: number])[] {
  const elements: (readonly [number, number])[] = [];
  let i = skipBlank(text, at + 1);
  while (i < text.length && text[i] !== BRACKET_END) {
    const to = valueEnd(text, i);
    elements.push([i, to]);
    i = skipBlank(text, to);
    if (text[i] === COMMA) i = skipBlank(text, i + 1);
  }
  return elements;
}

/**
 * The value bytes of a JSON object's members, unchanged: a number keeps its text. Of repeated names the last counts, as
 * in JSON.parse.
 * @param text a valid JSON object
 */
export function rawMembers(text: Uint8Array): Map<string, Uint8Array> {
  const members = membersAt(text, text.indexOf(BRACE));
  return new Map(members.map(({ name, from, to }) => [name, text.subarray(from, to)]));
}

/** The bytes of a JSON array's elements, unchanged. @param text a valid JSON array */
export function rawElements(text: Uint8Array): Uint8Array[] {
  return elementsAt(text, text.indexOf(BRACKET)).map(([from, to]) => text.subarray(from, to));
}

/** Recently seen names, by some of their bytes: the same few occur again and again. */
const met = new Array<{ readonly quoted: Uint8Array; readonly name: string } | undefined>(4096);

/**
 * @param from the name's first quote
 * @param to after its last one
 */
function nameOf(text: Uint8Array, from: number, to: number): string {
  const place = ((to - from) * 31 + text[from + 1] * 7 + text[to - 2] * 131) & 4095;
  const last = met[place];
  if (last && isSame(text, from, to, last.quoted)) return last.name;
  const name = readName(text, from, to);
  if (to - from <= 64) met[place] = { quoted: new Uint8Array(text.subarray(from, to)), name };
  return name;
}

function isSame(text: Uint8Array, from: number, to: number, quoted: Uint8Array): boolean {
  if (to - from !== quoted.length) return false;
  for (let i = 0; i < quoted.length; i++) if (text[from + i] !== quoted[i]) return false;
  return true;
}

function readName(text: Uint8Array, from: number, to: number): string {
  for (let i = from; i < to; i++)
    if (text[i] === BACKSLASH || text[i] > 127) return JSON.parse(bufferOf(text).toString("utf8", from, to)) as string;
  return bufferOf(text).toString("latin1", from + 1, to - 1);
}

const bufferOf = ({ buffer, byteOffset, byteLength }: Uint8Array) => Buffer.from(buffer, byteOffset, byteLength);

function afterColon(text: Uint8Array, at: number): number {
  const i = skipBlank(text, at);
  return text[i] === COLON ? i + 1 : i;
}

function skipBlank(text: Uint8Array, at: number): number {
  let i = at;
  while (text[i] === BLANK || text[i] === LINE_FEED || text[i] === CARRIAGE_RETURN || text[i] === TAB) i++;
  return i;
}

/** The position after the string that begins at `at`. */
function stringEnd(text: Uint8Array, at: number): number {
  let i = at + 1;
  while (i < text.length && text[i] !== QUOTE) i += text[i] === BACKSLASH ? 2 : 1;
  return i + 1;
}

/** The position after the value that begins at `at`. */
function valueEnd(text: Uint8Array, at: number): number {
  const first = text[at];
  if (first === QUOTE) return stringEnd(text, at);
  let i = at;
  if (first !== BRACE && first !== BRACKET) {
    while (i < text.length && !endsScalar(text[i])) i++;
    return i;
  }
  for (let depth = 0; i < text.length; ) {
    const c = text[i];
    if (c === QUOTE) {
      i = stringEnd(text, i);
      continue;
    }
    i++;
    if (c === BRACE || c === BRACKET) depth++;
    else if ((c === BRACE_END || c === BRACKET_END) && --depth === 0) break;
  }
  return i;
}

const endsScalar = (c: number) => c === COMMA || c === BRACE_END || c === BRACKET_END || c <= BLANK;
