/** A row as a line of JSON. Null values are left out; integers keep all their digits, and bytes are a text. */
export function lineOf(row: Readonly<Record<string, unknown>>): string {
  return `${jsonOf(row)}\n`;
}

const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Bytes as text; those that are not UTF-8 are replaced. */
export const textOf = (bytes: Uint8Array): string => utf8.decode(bytes);

/** A value that was written as JSON, and keeps the digits of its numbers. */
export class WrittenJson {
  readonly text: string;

  /** @throws SyntaxError if the text is not JSON */
  constructor(text: string) {
    JSON.parse(text);
    this.text = text.replace(/[\r\n]/g, " ");
  }
}

export function jsonOf(value: unknown): string {
  if (value instanceof WrittenJson) return value.text;
  if (typeof value === "bigint") return String(value);
  if (value instanceof Uint8Array) return JSON.stringify(textOf(value));
  if (Array.isArray(value) || ArrayBuffer.isView(value)) return `[${[...(value as number[])].map(jsonOf).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const members = Object.entries(value).filter(([, member]) => member !== null && member !== undefined);
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${jsonOf(member)}`).join(",")}}`;
}
