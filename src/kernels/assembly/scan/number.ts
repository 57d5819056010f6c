// Decimal text → f64, correctly rounded: the same bits as ECMAScript's Number(text).

/** Numbers beyond this magnitude are rejected. */
const LIMIT: f64 = 1e18;
/** Exponents of the table of 128-bit powers of five; numbers with other exponents are parsed by the host. */
const MIN_POWER: i32 = -64;
const MAX_POWER: i32 = 40;

/** The host's Number() on ASCII text. */
@external("env", "number")
declare function hostNumber(at: usize, size: usize): f64;

/** f64[23]: 1e0 ... 1e22, exact. */
const EXACT_POWERS: usize = memory.data<f64>([
  1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
  1e21, 1e22,
]);

/** u64 pairs (high, low): 5^MIN_POWER ... 5^MAX_POWER, normalized; written by the host (src/decode/powers.ts). */
let powers: usize = 0;

export function setPowers(at: usize): void {
  powers = at;
}

@inline
function digit(p: usize): u32 {
  return <u32>load<u8>(p) - 48;
}

/** The high and low words of a * b; the low one is stored in `lowWord`. */
let lowWord: u64 = 0;

@inline
function multiply(a: u64, b: u64): u64 {
  const al = a & 0xffffffff,
    ah = a >> 32,
    bl = b & 0xffffffff,
    bh = b >> 32;
  const ll = al * bl,
    hl = ah * bl,
    lh = al * bh;
  const middle = (ll >> 32) + (hl & 0xffffffff) + lh;
  lowWord = (middle << 32) | (ll & 0xffffffff);
  return ah * bh + (hl >> 32) + (middle >> 32);
}

/**
 * digits × 10^power, correctly rounded, for digits > 0 and MIN_POWER <= power <= MAX_POWER
 * (Lemire, "Number parsing at a gigabyte per second", 2021; there are no subnormals in this range).
 */
function eiselLemire(digits: u64, power: i32): f64 {
  const shift = clz(digits);
  const normal = digits << shift;
  const entry = powers + ((<usize>(power - MIN_POWER)) << 4);
  let high = multiply(normal, load<u64>(entry));
  let low = lowWord;
  if ((high & 0x1ff) == 0x1ff) {
    const carry = multiply(normal, load<u64>(entry, 8));
    low += carry;
    if (carry > low) high++;
  }
  const top = high >> 63;
  const drop = top + 9;
  let mantissa = high >> drop;
  let exponent = <i64>(((217706 * power) >> 16) + 63) + <i64>top - <i64>shift + 1023;
  if (low <= 1 && power >= -4 && power <= 23 && (mantissa & 3) == 1 && mantissa << drop == high) mantissa &= ~1;
  mantissa = (mantissa + (mantissa & 1)) >> 1;
  if (mantissa >> 53) {
    mantissa >>= 1;
    exponent++;
  }
  return reinterpret<f64>(((<u64>exponent) << 52) | (mantissa & 0xfffffffffffff));
}

/** Whether `text` (lower case) is at p, in any case. */
@inline
function spells(p: usize, end: usize, text: u64, size: usize): bool {
  if (end - p != size) return false;
  const mask: u64 = ((<u64>1) << ((<u64>size) << 3)) - 1;
  return ((load<u64>(p) | 0x2020202020202020) & mask) == (text & mask);
}

/** "nan", "inf" and "infinity" are numbers in many formats, and out of range here; any other word is not a number. */
function word(p: usize, end: usize): f64 {
  const infinity = end - p == 8 && (load<u64>(p) | 0x2020202020202020) == 0x7974696e69666e69;
  return infinity || spells(p, end, 0x6e616e, 3) || spells(p, end, 0x666e69, 3) ? Infinity : NaN;
}

/** x, or Infinity when it is beyond ±1e18; NaN stays NaN. */
@inline
export function inRange(x: f64): f64 {
  return abs(x) > LIMIT ? Infinity : x;
}

/**
 * The number made of `size` < 8 decimal digits at `p`, 0 if there are none; -1 if they are not all digits. No branch
 * depends on the number of digits.
 */
@inline
export function smallInteger(p: usize, size: usize): i32 {
  const bits = (<u64>size) << 3;
  const word = ((load<u64>(p) << 8) << (56 - bits)) | (0x3030303030303030 >> bits);
  const odd =
    ((word & 0xf0f0f0f0f0f0f0f0) ^ 0x3030303030303030) |
    (((word & 0x0f0f0f0f0f0f0f0f) + 0x0606060606060606) & 0x1010101010101010);
  const digits = word & 0x0f0f0f0f0f0f0f0f;
  const pairs = digits * 10 + (digits >> 8);
  const value =
    ((pairs & 0x000000ff000000ff) * 0x000f424000000064 + ((pairs >> 16) & 0x000000ff000000ff) * 0x0000271000000001) >>
    32;
  return odd ? -1 : <i32>value;
}

/**
 * Parses [at, at + size): [+-] digits [. digits] [e [+-] digits], at least one digit before the exponent.
 * @returns the number; NaN if the text is not a number; Infinity if it is not finite or beyond ±1e18
 */
export function parseNumber(at: usize, size: usize): f64 {
  const end = at + size;
  let p = at;
  let c: u32 = load<u8>(p);
  const negative = c == 45;
  if (negative || c == 43) p++;
  let digits: u64 = 0;
  const wholeStart = p;
  while (p < end && digit(p) < 10) digits = digits * 10 + digit(p++);
  let count = p - wholeStart;
  if (p == end && count > 0 && count < 16) return negative ? -(<f64>digits) : <f64>digits;
  return inRange(parseLong(at, wholeStart, end, negative));
}

/**
 * A time in small units, divided by `divisor`. An integer up to 2^63 is divided as an integer, since f64 cannot
 * represent its last digits; any other number is read by parseNumber.
 */
export function parseTicks(at: usize, size: usize, divisor: f64): f64 {
  const end = at + size;
  let ticks: u64 = 0;
  let p = at;
  while (p < end && digit(p) < 10 && p - at < 18) ticks = ticks * 10 + digit(p++);
  if (p < end && digit(p) < 10) ticks = ticks * 10 + digit(p++);
  const units = <u64>divisor;
  if (p == end) return <f64>(ticks / units) + <f64>(ticks % units) / divisor;
  const signed = load<u8>(at) == 45 || load<u8>(at) == 43;
  return parseLong(at, at + <usize>signed, end, load<u8>(at) == 45) / divisor;
}

/** The general case of parseNumber, from the first digit on, without a range check. */
function parseLong(at: usize, start: usize, end: usize, negative: bool): f64 {
  let p = start;
  let digits: u64 = 0;
  let significant = 0;
  let any = false;
  let power = 0;
  let dropped = false;
  let fraction = false;
  for (; p < end; p++) {
    const d = digit(p);
    if (d < 10) {
      any = true;
      if (significant < 19) {
        digits = digits * 10 + d;
        if (digits) significant++;
        if (fraction) power--;
      } else {
        if (d) dropped = true;
        if (!fraction) power++;
      }
    } else if (load<u8>(p) == 46 && !fraction) fraction = true;
    else break;
  }
  if (!any) return word(start, end);
  if (p < end) {
    if ((load<u8>(p) | 32) != 101) return NaN;
    p++;
    if (p == end) return NaN;
    const minus = load<u8>(p) == 45;
    if (minus || load<u8>(p) == 43) p++;
    if (p == end) return NaN;
    let exponent = 0;
    for (; p < end; p++) {
      const d = digit(p);
      if (d > 9) return NaN;
      if (exponent < 100000000) exponent = exponent * 10 + d;
    }
    power += minus ? -exponent : exponent;
  }
  let x: f64;
  if (digits == 0) x = 0;
  else if (!dropped && digits >> 53 == 0 && power >= -22 && power <= 22) {
    x =
      power < 0
        ? <f64>digits / load<f64>(EXACT_POWERS + ((<usize>-power) << 3))
        : <f64>digits * load<f64>(EXACT_POWERS + ((<usize>power) << 3));
  } else if (!dropped && power >= MIN_POWER && power <= MAX_POWER) x = eiselLemire(digits, power);
  else return hostNumber(at, end - at);
  return negative ? -x : x;
}
