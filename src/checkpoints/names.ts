/** Suffix of a replacement for a checkpoint with as many examples: complete under this name first, then renamed. */
export const FRESH = ".new";

const NAME = /^checkpoint-(\d{12,})(\.new)?$/;

/** A checkpoint's directory. */
export function checkpointName(examples: number): string {
  return `checkpoint-${String(examples).padStart(12, "0")}`;
}

/** The number of examples in a checkpoint's name; undefined for other names. */
export function examplesOf(name: string): number | undefined {
  const match = NAME.exec(name);
  return match ? Number(match[1]) : undefined;
}

/** The checkpoints among the names in a directory, newest first; a replacement comes before what it replaces. */
export function newestFirst(names: readonly string[]): string[] {
  const found = names.flatMap((name) => {
    const match = NAME.exec(name);
    return match ? [{ name, rank: Number(match[1]), fresh: match[2] ? 1 : 0 }] : [];
  });
  return found.sort((a, b) => b.rank - a.rank || b.fresh - a.fresh).map(({ name }) => name);
}
