// Calendar times → milliseconds since 1970: `YYYY-MM-DD`, optionally followed by `T` or a space and
// `HH:MM[:SS[.fraction]]`, optionally followed by `Z`, `UTC` or an offset `±HH[:MM]`, with or without a space before
// it.

let p: usize = 0;
let stop: usize = 0;
/** Whether everything read so far is valid. */
let good: bool = false;

/** Reads a number of exactly `count` digits, not above `most`. */
function digits(count: usize, most: i32): i32 {
  let value = 0;
  for (let i: usize = 0; i < count; i++, p++) {
    const d = <u32>load<u8>(p) - 48;
    if (p >= stop || d > 9) good = false;
    value = value * 10 + <i32>d;
  }
  if (value > most) good = false;
  return value;
}

/** Skips a byte if it is next. */
function passes(byte: u32): bool {
  const is = p < stop && <u32>load<u8>(p) == byte;
  if (is) p++;
  return is;
}

function expect(byte: u32): void {
  if (!passes(byte)) good = false;
}

function daysIn(year: i32, month: i32): i32 {
  if (month == 2) return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28;
  return month == 4 || month == 6 || month == 9 || month == 11 ? 30 : 31;
}

/**
 * Days since 1970-01-01 in the proleptic Gregorian calendar. Years are counted from March, so that the leap day is the
 * last one.
 */
function daysOf(year: i32, month: i32, day: i32): i32 {
  const y = month > 2 ? year : year - 1;
  const m = month > 2 ? month - 3 : month + 9;
  return 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 719469;
}

/** The digits after a decimal point, as milliseconds. */
function fraction(): f64 {
  const start = p;
  let value: f64 = 0;
  let unit: f64 = 1;
  while (p < stop && <u32>load<u8>(p) - 48 < 10) {
    if (p - start < 9) {
      value = value * 10 + <f64>(load<u8>(p) - 48);
      unit *= 10;
    }
    p++;
  }
  if (p == start) good = false;
  return (value * 1000) / unit;
}

/** Reads `HH:MM[:SS[.fraction]]`, in milliseconds. */
function clock(): f64 {
  const hours = digits(2, 23);
  expect(58);
  const minutes = digits(2, 59);
  if (!passes(58)) return <f64>(hours * 60 + minutes) * 60000;
  // 60: a leap second.
  const seconds = digits(2, 60);
  const part = passes(46) ? fraction() : 0;
  return <f64>((hours * 60 + minutes) * 60 + seconds) * 1000 + part;
}

/** Reads the offset from UTC, in milliseconds. */
function offset(): f64 {
  passes(32);
  if (passes(90) || passes(122)) return 0;
  if (passes(85)) {
    expect(84);
    expect(67);
    return 0;
  }
  const east = passes(43);
  if (!east) expect(45);
  const hours = digits(2, 23);
  const colon = passes(58);
  const minutes = colon || p < stop ? digits(2, 59) : 0;
  const ahead = <f64>((hours * 60 + minutes) * 60000);
  return east ? ahead : -ahead;
}

/**
 * @param zone offset in milliseconds for times that state none (local time minus UTC)
 * @returns milliseconds since 1970; NaN if the text is not such a time
 */
export function calendarTime(at: usize, size: usize, zone: f64): f64 {
  p = at;
  stop = at + size;
  good = true;
  const year = digits(4, 9999);
  expect(45);
  const month = digits(2, 12);
  expect(45);
  const day = digits(2, daysIn(year, month));
  if (!good || month == 0 || day == 0) return NaN;
  let time = <f64>daysOf(year, month, day) * 86400000;
  if (p < stop && (passes(84) || passes(116) || passes(32))) {
    time += clock();
    time -= p < stop ? offset() : zone;
  } else time -= zone;
  return good && p == stop ? time : NaN;
}
