const QUOTE = 34;
const BACKSLASH = 92;
const COMMA = 44;
const COLON = 58;

/** Opening brackets of JSON, their closing ones. */
const OPEN = new Set([91, 123]);
const CLOSE = new Set([93, 125]);

/**
 * The value bytes of a JSON object's members, as they stand: a number keeps its text. Of doubled names the last counts, as in
 * JSON.parse.
 * @param text a valid JSON object
 */
export function rawMembers(text: Uint8Array): Map<string, Uint8Array> {
  const members = new Map<string, Uint8Array>();
  for (const part of parts(text)) {
    const nameEnd = skipString(part, 0);
    const name = JSON.parse(Buffer.from(part.subarray(0, nameEnd)).toString()) as string;
    members.set(name, trim(part.subarray(part.indexOf(COLON, nameEnd) + 1)));
  }
  return members;
}

/** The bytes of a JSON array's elements, as they stand. @param text a valid JSON array */
export function rawElements(text: Uint8Array): Uint8Array[] {
  return [...parts(text)];
}

/** The comma-separated parts between the outer brackets of a valid JSON object or array, white space trimmed. */
function* parts(text: Uint8Array): Generator<Uint8Array> {
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i];
    if (c === QUOTE) i = skipString(text, i) - 1;
    else if (OPEN.has(c) && ++depth === 1) start = i + 1;
    else if ((CLOSE.has(c) && --depth === 0) || (c === COMMA && depth === 1)) {
      const part = trim(text.subarray(start, i));
      if (part.length > 0) yield part;
      start = i + 1;
    }
  }
}

/** @returns the index right after the string that starts at `at` */
function skipString(text: Uint8Array, at: number): number {
  let i = at + 1;
  while (text[i] !== QUOTE) i += text[i] === BACKSLASH ? 2 : 1;
  return i + 1;
}

function trim(bytes: Uint8Array): Uint8Array {
  const blank = (c: number) => c === 32 || c === 9 || c === 10 || c === 13;
  let start = 0;
  let end = bytes.length;
  while (start < end && blank(bytes[start])) start++;
  while (end > start && blank(bytes[end - 1])) end--;
  return bytes.subarray(start, end);
}
