/** A text that browsers and XML parsers accept: without control characters and unpaired surrogates. */
export const printable = (text: string): string =>
  text.replace(/[\p{Cc}\p{Cs}\ufffe\uffff]/gu, (letter) => (/[\t\n]/.test(letter) ? letter : "\ufffd"));

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text for HTML and SVG, in an element or an attribute. */
export const escaped = (text: string): string => printable(text).replace(/[&<>"']/g, (letter) => entities[letter]);

/** JSON for a script element, which it cannot terminate. */
export const scriptJson = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[<>&\u2028\u2029]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
