// Values of an event besides its fields: label, weight, time, id and true probability.
import { calendarTime } from "./calendar";
import {
  BAD_LABEL,
  BAD_NUMBER,
  BAD_TIME,
  BAD_WEIGHT,
  IMPOSSIBLE_TIME,
  MISSING_ID,
  MISSING_TIME,
  NUMBER_OUT_OF_RANGE,
  OK,
  UNKNOWN_LABEL,
} from "./codes";
import { parseTicks, smallInteger } from "./number";
import { SCALED, STRING, Slot, TEXT, fail, mayFail, plan } from "./plan";
import { sameText, findWord, textFault, numberFault, numberOf, plainNumber, truthOr } from "./slot-values";
import { xxh64 } from "./xxh64";

/** Maximum event time (2100), in milliseconds since 1970: a later one must be in another unit. */
const LATEST: f64 = 4102444800000;
/** Maximum weight: a row with a larger one would outweigh all others. */
const MAX_WEIGHT: f32 = 1e6;

/** Label, importance, time, id, true probability. Values without a slot in the plan keep what the host wrote. */
export function head(row: usize): u32 {
  const code = required(row);
  if (code == OK || plan.required) return code;
  store<f32>(plan.labels + (row << 2), NaN);
  store<f32>(plan.weights + (row << 2), 1);
  store<f64>(plan.times + (row << 3), 0);
  store<u64>(plan.ids + (row << 3), 0);
  store<f32>(plan.oracles + (row << 2), NaN);
  return OK;
}

function required(row: usize): u32 {
  let code = label(plan.labels + (row << 2));
  if (!code && plan.weightSlot) code = weight(plan.weightSlot!, plan.weights + (row << 2));
  if (!code && plan.timeSlot) code = time(plan.timeSlot!, plan.times + (row << 3));
  if (!code && plan.idSlots != plan.idSlotsEnd) code = id(plan.ids + (row << 3));
  if (!code && plan.oracleSlot) code = oracle(plan.oracleSlot!, plan.oracles + (row << 2));
  return code;
}

function label(to: usize): u32 {
  const slot = plan.labelSlot;
  if (!slot) {
    // The label is added later.
    store<f32>(to, 0);
    return OK;
  }
  if (slot.size == 0) {
    store<f32>(to, NaN);
    return plan.required ? fail(slot, BAD_LABEL) : OK;
  }
  if (plan.soft) return softLabel(slot, to);
  if (plan.positives != plan.positivesEnd) return listedLabel(slot, to);
  const size = plan.positiveSize;
  if (size) {
    if (mayFail && textFault(slot)) return fail(slot, BAD_LABEL);
    const same = slot.size == size ? sameText(slot.at, plan.positive, size) : false;
    const small = slot.size < 8 ? smallInteger(slot.at, slot.size) : -1;
    // Branch-free, since the label is unpredictable.
    store<f32>(to, <f32>(<i32>same | <i32>(<f64>small == plan.atLeast)));
    // If the positive label is a word (atLeast is NaN), any other text is a negative.
    return <u32>small <= 1 || isNaN(plan.atLeast) || same ? OK : numberLabel(slot, to);
  }
  const x = plainNumber(slot);
  store<f32>(to, <f32>(<i32>(x >= plan.atLeast)));
  return isFinite(x) ? OK : fail(slot, BAD_LABEL);
}

/**
 * The label if the positive one is a number: positive if equal to it in any notation, else negative: 0, -1, or 1 if 1
 * is not the positive.
 */
function numberLabel(slot: Slot, to: usize): u32 {
  const x = truthOr(slot);
  if (!isFinite(x)) return fail(slot, BAD_LABEL);
  const positive = x == plan.atLeast;
  store<f32>(to, <f32>(<i32>positive));
  return positive || x == 0 || abs(x) == 1 ? OK : fail(slot, UNKNOWN_LABEL);
}

/** The label if there are several positives: one of these, or any other text. */
function listedLabel(slot: Slot, to: usize): u32 {
  if (mayFail && textFault(slot)) return fail(slot, BAD_LABEL);
  store<f32>(to, <f32>(<i32>findWord(slot, plan.positives, plan.positivesEnd, truthOr(slot))));
  return OK;
}

function softLabel(slot: Slot, to: usize): u32 {
  const fault = mayFail && textFault(slot);
  const x = fault ? NaN : truthOr(slot);
  store<f32>(to, <f32>x);
  if (!isFinite(x)) return fail(slot, BAD_LABEL);
  return x >= 0 && x <= 1 ? OK : fail(slot, UNKNOWN_LABEL);
}

function weight(slot: Slot, to: usize): u32 {
  const x = <f32>(slot.size ? plainNumber(slot) : 1);
  store<f32>(to, x);
  return x > 0 && x <= MAX_WEIGHT ? OK : fail(slot, BAD_WEIGHT);
}

function time(slot: Slot, to: usize): u32 {
  if (slot.size == 0 && plan.required) return fail(slot, MISSING_TIME);
  let x: f64 = 0;
  if (slot.size) x = plan.timeDivisor == 1 ? plainNumber(slot) * plan.timeScale : ticks(slot);
  if (isNaN(x) && (slot.kind == TEXT || slot.kind == STRING)) x = calendarTime(slot.at, slot.size, plan.zone);
  store<f64>(to, x);
  if (!isFinite(x)) return fail(slot, BAD_TIME);
  return slot.size && (x <= 0 || x >= LATEST) ? fail(slot, IMPOSSIBLE_TIME) : OK;
}

/** Milliseconds of a time in smaller units. */
function ticks(slot: Slot): f64 {
  if (slot.kind == SCALED) return plainNumber(slot) / plan.timeDivisor;
  return numberFault(slot) ? NaN : parseTicks(slot.at, slot.size, plan.timeDivisor);
}

/** The id. If it has several values, each is hashed with the hash of the preceding ones as the seed. */
function id(to: usize): u32 {
  let hash: u64 = 0;
  const end = plan.idSlotsEnd;
  for (let at = plan.idSlots; at < end; at += 4) {
    const slot = changetype<Slot>(load<u32>(at));
    const fault = textFault(slot);
    if (fault) return fail(slot, fault);
    if (slot.size == 0 && plan.required) return fail(slot, MISSING_ID);
    if (slot.size) hash = xxh64(slot.at, slot.size, hash);
  }
  store<u64>(to, hash);
  return OK;
}

function oracle(slot: Slot, to: usize): u32 {
  let x: f64 = NaN;
  if (slot.size) {
    const fault = numberFault(slot);
    if (fault) return fail(slot, fault);
    x = numberOf(slot);
    if (isNaN(x)) return fail(slot, BAD_NUMBER);
    if (x < 0 || x > 1) return fail(slot, NUMBER_OUT_OF_RANGE);
  }
  store<f32>(to, <f32>x);
  return OK;
}
