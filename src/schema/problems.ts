import { HashbrookError } from "../core/errors.js";
import { nearest } from "../core/nearest.js";

export { nearest } from "../core/nearest.js";

export interface Place {
  readonly line: number;
  readonly column: number;
}

interface Problem extends Place {
  readonly path: string;
  readonly message: string;
  readonly hint: string;
}

/** Something a spec may say, but that is rarely meant. */
export interface SpecWarning {
  /** `file:line:column: path: what` */
  readonly message: string;
  /** How to write what is usually meant. */
  readonly hint: string;
}

/** The place of a problem that has none of its own. */
export const START: Place = { line: 1, column: 1 };

/** All problems of one file, each with its place, collected so that they are reported together. */
export class Problems {
  private readonly file: string;
  private readonly list: Problem[] = [];
  private readonly doubts: Problem[] = [];
  private readonly places = new Map<string, Place>();

  constructor(file: string) {
    this.file = file;
  }

  get count(): number {
    return this.list.length;
  }

  /** Remembers where the value at `path` (like `fields[3].of[1]`) stands in the file. */
  locate(path: string, place: Place): void {
    this.places.set(path, place);
  }

  /** @param hint how to fix it, one sentence */
  add(path: string, message: string, hint: string, place: Place = this.placeOf(path)): void {
    this.list.push({ ...place, path, message, hint });
  }

  /** Records something allowed, but rarely meant. */
  warn(path: string, message: string, hint: string): void {
    this.doubts.push({ ...this.placeOf(path), path, message, hint });
  }

  get warnings(): SpecWarning[] {
    return this.doubts.map((doubt) => ({ message: this.line(doubt), hint: doubt.hint }));
  }

  /** Throws `spec_invalid` with every problem on a line of its own, in file order, if there is any. */
  throwIfAny(): void {
    if (this.list.length === 0) return;
    const list = this.list.toSorted((a, b) => a.line - b.line || a.column - b.column);
    const lines = list.map((problem) => this.line(problem));
    const hints = list.length === 1 ? [list[0].hint] : list.map((p) => `${p.line}:${p.column}: ${p.hint}`);
    throw new HashbrookError("spec_invalid", lines.join("\n"), { hint: hints.join("\n") });
  }

  private line({ line, column, path, message }: Problem): string {
    return `${this.file}:${line}:${column}: ${path === "" ? "" : `${path}: `}${message}`;
  }

  /** The place of `path`, or of the nearest enclosing element written in the file. */
  private placeOf(path: string): Place {
    for (let at = path; at !== ""; at = parentPath(at)) {
      const place = this.places.get(at);
      if (place) return place;
    }
    return this.places.get("") ?? START;
  }
}

const parentPath = (path: string): string => path.replace(/(^|\.)[^.[\]]+$|\[\d+\]$/, "");

/** `path` extended by a key. */
export const inside = (path: string, key: string): string => (path === "" ? key : `${path}.${key}`);

/** `"a", "b" or "c"` for messages. */
export const listed = (names: readonly string[]): string => (names.length > 0 ? names.join(", ") : "none");

/** `did you mean "columns"?`, or the known names. */
export function suggestion(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  return near === undefined ? `known: ${listed(known)}` : `did you mean "${near}"?`;
}
