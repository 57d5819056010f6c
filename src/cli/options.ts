import { InvalidArgumentError } from "commander";

/** Parses a whole number; underscores may group digits (1_000_000). */
export function wholeNumber(text: string): number {
  const value = Number(text.replaceAll("_", ""));
  if (!Number.isSafeInteger(value) || value < 0 || text.trim() === "")
    throw new InvalidArgumentError("must be a whole number.");
  return value;
}

export function port(text: string): number {
  const value = wholeNumber(text);
  if (value > 65535) throw new InvalidArgumentError("must be 0 to 65535.");
  return value;
}

/** Parses a number above 0; underscores may group digits. */
export function positive(text: string): number {
  const value = Number(text.replaceAll("_", ""));
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError("must be a number above 0.");
  return value;
}
