/**
 * The lines of two texts, prefixed: "+ " only in the new one, "- " only in the old one, "  " in both; long stretches of equal
 * lines are abbreviated.
 * @param context equal lines around a change
 */
export function lineDiff(before: string, after: string, context = 3): string {
  const lines = aligned(before.trimEnd().split("\n"), after.trimEnd().split("\n"));
  const near = lines.map((_, i) =>
    lines.slice(Math.max(0, i - context), i + context + 1).some(([sign]) => sign !== " "),
  );
  const shown: string[] = [];
  for (const [i, [sign, text]] of lines.entries()) {
    if (near[i]) shown.push(`${sign} ${text}`);
    else if (near[i - 1] ?? i === 0) shown.push("  …");
  }
  return shown.join("\n");
}

type Line = readonly [sign: "+" | "-" | " ", text: string];

/** By a longest common subsequence. */
function aligned(old: readonly string[], now: readonly string[]): Line[] {
  const longest = Array.from({ length: old.length + 1 }, () => new Uint32Array(now.length + 1));
  for (let i = old.length - 1; i >= 0; i--)
    for (let j = now.length - 1; j >= 0; j--)
      longest[i][j] = old[i] === now[j] ? longest[i + 1][j + 1] + 1 : Math.max(longest[i + 1][j], longest[i][j + 1]);
  const lines: Line[] = [];
  let i = 0;
  let j = 0;
  while (i < old.length || j < now.length) {
    if (i < old.length && j < now.length && old[i] === now[j]) {
      lines.push([" ", old[i++]]);
      j++;
    } else if (i < old.length && (j === now.length || longest[i + 1][j] >= longest[i][j + 1]))
      lines.push(["-", old[i++]]);
    else lines.push(["+", now[j++]]);
  }
  return lines;
}
