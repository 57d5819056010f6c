import { HashbrookError } from "../core/errors.js";

export interface Place {
  readonly line: number;
  readonly column: number;
}

interface Problem extends Place {
  readonly path: string;
  readonly message: string;
  readonly hint: string;
}

const START: Place = { line: 1, column: 1 };

/** Everything wrong with one file, each with its place, gathered so that all of it can be told at once. */
export class Problems {
  private readonly file: string;
  private readonly list: Problem[] = [];
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

  /** @param hint the mend, one sentence */
  add(path: string, message: string, hint: string, place: Place = this.placeOf(path)): void {
    this.list.push({ ...place, path, message, hint });
  }

  /** Throws `spec_invalid` with every problem on a line of its own, in file order, if there is any. */
  throwIfAny(): void {
    if (this.list.length === 0) return;
    const list = this.list.toSorted((a, b) => a.line - b.line || a.column - b.column);
    const lines = list.map(
      ({ line, column, path, message }) =>
        `${this.file}:${line}:${column}: ${path === "" ? "" : `${path}: `}${message}`,
    );
    const hints = list.length === 1 ? [list[0].hint] : list.map((p) => `${p.line}:${p.column}: ${p.hint}`);
    throw new HashbrookError("spec_invalid", lines.join("\n"), { hint: hints.join("\n") });
  }

  /** The place of `path`, or of the nearest thing around it that is written in the file. */
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

/** The known name a person most likely meant: at most a third of its letters are wrong. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const ranked = known
    .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ candidate, distance }) => distance <= Math.max(1, Math.floor(candidate.length / 3)))
    .sort((a, b) => a.distance - b.distance);
  return ranked[0]?.candidate;
}

/** `did you mean "columns"?`, or the known names. */
export function suggestion(name: string, known: readonly string[]): string {
  const near = nearest(name, known);
  return near === undefined ? `known here: ${listed(known)}` : `did you mean "${near}"?`;
}

/** Insertions, deletions, substitutions and swaps of neighbours between two words (optimal string alignment). */
function editDistance(a: string, b: string): number {
  const rows = Array.from({ length: a.length + 1 }, (_, i) =>
    Array.from({ length: b.length + 1 }, (_, j) => (i === 0 ? j : i)),
  );
  for (let i = 1; i <= a.length; i++) {
    for (let j = 1; j <= b.length; j++) {
      const substitution = rows[i - 1][j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1);
      rows[i][j] = Math.min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, substitution);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) rows[i][j] = Math.min(rows[i][j], rows[i - 2][j - 2] + 1);
    }
  }
  return rows[a.length][b.length];
}
