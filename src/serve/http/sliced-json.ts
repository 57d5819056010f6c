/** Numbers of a list that are written at a time: some tenths of a millisecond. */
const AT_ONCE = 1_000;

/** Lists of numbers, and whatever JSON has. */
export type Answer = Readonly<Record<string, unknown>>;

/** Whether an answer has a list that takes long to serialize. */
export function hasLongList(answer: Answer): boolean {
  return Object.values(answer).some(isLong);
}

/**
 * An answer as JSON. Long lists of numbers are serialized in slices, with other requests in between, since ten thousand
 * numbers take milliseconds. @param answer its numbers are finite
 */
export async function slicedJson(answer: Answer): Promise<string> {
  const members: string[] = [];
  for (const [name, value] of Object.entries(answer)) {
    if (value === undefined) continue;
    members.push(`${JSON.stringify(name)}:${isLong(value) ? await listOf(value) : JSON.stringify(value)}`);
  }
  return `{${members.join(",")}}`;
}

function isLong(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.length > AT_ONCE && typeof value[0] === "number";
}

async function listOf(numbers: readonly number[]): Promise<string> {
  const slices: string[] = [];
  for (let at = 0; at < numbers.length; at += AT_ONCE) {
    slices.push(numbers.slice(at, at + AT_ONCE).join(","));
    await new Promise((resolve) => setImmediate(resolve));
  }
  return `[${slices.join(",")}]`;
}
