/** Separators that have names. */
const named: Readonly<Record<string, string>> = {
  tab: "\t",
  space: " ",
  comma: ",",
  semicolon: ";",
  pipe: "|",
};

/** Escapes as other tools write them: `\t`, `\x01`, `\u0001`, and Hive's octal `\001`. */
const ESCAPE = /\\(?:t|x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|([0-7]{3}))/g;

/** A text with its escapes replaced: YAML's plain and single-quoted texts keep them as letters. */
export function unescaped(text: string): string {
  return text.replace(ESCAPE, (_, hex?: string, wide?: string, octal?: string) => {
    const code = hex ?? wide;
    if (code !== undefined) return String.fromCharCode(Number.parseInt(code, 16));
    return octal === undefined ? "\t" : String.fromCharCode(Number.parseInt(octal, 8));
  });
}

/** A column separator, given as written, named or escaped. */
export function separatorOf(text: string): string {
  return named[text.toLowerCase()] ?? unescaped(text);
}

/** Whether a text can separate the columns of a line: one ASCII character, control characters too. */
export function isColumnSeparator(text: string): boolean {
  return text.length === 1 && text.charCodeAt(0) < 128 && !/["\r\n]/.test(text);
}
