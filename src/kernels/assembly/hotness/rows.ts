// The scores of ids with a row, by row number: f32[rows], padded to a multiple of 4. The score of an id that is about
// to lose its row is negated (0 becomes -0), so that it is not chosen twice; it is removed before the next decay.
import { workspaceOf } from "../table/memory";
import { faded } from "./sketch";

export const NONE: u32 = 0xffffffff;
/** Maximum number of rows examined to find one with a low score. */
export const SAMPLE: u32 = 16;
/**
 * An id needs this many times a row's score to take the row over, so that ids about equally hot do not displace each
 * other.
 */
const MARGIN: f32 = 1.5;

export let scoresAt: usize = 0;
/** Capacity in rows. */
export let room: u32 = 0;

export function openRows(rows: u32): bool {
  room = rows;
  scoresAt = workspaceOf((rows + 3) >> 2, 16);
  return scoresAt != 0;
}

@inline
function at(row: u32): usize {
  return scoresAt + ((<usize>row) << 2);
}

@inline
export function warm(row: u32, x: f32): void {
  store<f32>(at(row), load<f32>(at(row)) + x);
}

/**
 * The row of lowest score among the next SAMPLE of `rows` rows from `hand` on, which is marked; NONE if it is not
 * clearly lower than `score`.
 */
export function chooseVictim(score: f32, hand: u32, rows: u32): u32 {
  let least: f32 = Infinity;
  let victim = NONE;
  let row = hand;
  for (let i = min(SAMPLE, rows); i > 0; i--) {
    if (row >= rows) row = 0;
    const s = load<f32>(at(row));
    if (reinterpret<i32>(s) >= 0 && s < least) {
      least = s;
      victim = row;
    }
    row++;
  }
  if (victim == NONE || score < MARGIN * least) return NONE;
  store<f32>(at(victim), -least);
  return victim;
}

/** Removes the score of a row whose id loses it; the last of `rows` rows moves to its place. */
export function drop(row: u32, rows: u32): f32 {
  const score = abs<f32>(load<f32>(at(row)));
  store<f32>(at(row), load<f32>(at(rows - 1)));
  store<f32>(at(rows - 1), 0);
  return score;
}

export function setScore(row: u32, score: f32): void {
  store<f32>(at(row), score);
}

/** Multiplies the scores of rows 4 · from to 4 · to (exclusive) by `decay`. */
export function decayRows(from: u32, to: u32, decay: f32): void {
  const end = scoresAt + ((<usize>to) << 4);
  for (let i = scoresAt + ((<usize>from) << 4); i < end; i += 16) v128.store(i, faded(v128.load(i), decay));
}
