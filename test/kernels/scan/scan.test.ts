import { describe, expect, it } from "vitest";
import xxhash from "xxhash-wasm";
import { Arena } from "../../../src/decode/arena.js";
import { scanKernel } from "../../../src/decode/kernel.js";
import { powersOfFive } from "../../../src/decode/powers.js";
import { anyCharacter } from "../../code-points.js";
import { numberText } from "../../decode/generate.js";
import fc from "../../properties.js";

const { h64Raw } = await xxhash();
const { memory, kernel } = scanKernel();
const arena = new Arena(memory, kernel.heapBase());
kernel.configure(arena.take(512), arena.take(64), arena.longs(powersOfFive()));
const room = arena.take(1 << 20);

function put(bytes: Uint8Array, at = room): number {
  new Uint8Array(memory.buffer).set(bytes, at);
  return at;
}

describe("xxh64", () => {
  const hash = (bytes: Uint8Array, seed: bigint, shift = 0) =>
    BigInt.asUintN(64, kernel.xxh64(put(bytes, room + shift), bytes.length, seed));

  // The sanity buffer and vectors of the xxHash repository.
  const PRIME32 = 2654435761n;
  const PRIME64 = 11400714785074694797n;
  const sanity = new Uint8Array(222);
  for (let i = 0, state = PRIME32; i < sanity.length; i++) {
    sanity[i] = Number(state >> 56n);
    state = BigInt.asUintN(64, state * PRIME64);
  }

  it.each([
    [0, 0n, 0xef46db3751d8e999n],
    [0, PRIME32, 0xac75fda2929b17efn],
    [1, 0n, 0xe934a84adb052768n],
    [1, PRIME32, 0x5014607643a9b4c3n],
    [4, 0n, 0x9136a0dca57457een],
    [14, 0n, 0x8282dcc4994e35c8n],
    [14, PRIME32, 0xc3bd6bf63deb6df0n],
    [222, 0n, 0xb641ae8cb691c174n],
    [222, PRIME32, 0x20cb8ab7ae10c14an],
  ])("equals the reference implementation for %i bytes, seed %i", (length, seed, expected) => {
    expect(hash(sanity.subarray(0, length), seed)).toBe(expected);
  });

  it("equals xxhash-wasm at every length up to 300 and every alignment", () => {
    const bytes = Uint8Array.from({ length: 300 }, (_, i) => (i * 167 + 13) & 255);
    for (let length = 0; length <= 300; length++) {
      for (const seed of [0n, 1n, 0xffffffffffffffffn]) {
        expect(hash(bytes.subarray(0, length), seed, length % 8)).toBe(h64Raw(bytes.subarray(0, length), seed));
      }
    }
  });

  it("equals xxhash-wasm for any bytes and seed, whatever follows them", () => {
    const seeds = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 100 }),
        fc.uint8Array({ minLength: 8, maxLength: 8 }),
        seeds,
        (bytes, after, seed) => {
          put(after, room + bytes.length);
          expect(hash(bytes, seed)).toBe(h64Raw(bytes, seed));
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe("numbers", () => {
  const LIMIT = 1e18;
  /** NaN: no number. Infinity: out of range. */
  const parse = (text: string) => {
    put(Buffer.from(`${text}7e9`));
    return kernel.parseNumber(room, text.length);
  };
  const expectSame = (text: string) => {
    const x = Number(text);
    const expected = Math.abs(x) <= LIMIT ? x : Number.POSITIVE_INFINITY;
    if (!Object.is(parse(text), expected)) throw new Error(`${text}: ${parse(text)} instead of ${expected}`);
  };

  it("equal Number() bit for bit, as printed by JavaScript", () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (x) => expectSame(String(x))),
      { numRuns: 5000 },
    );
    fc.assert(
      fc.property(fc.double({ noNaN: true, min: -1e18, max: 1e18 }), (x) => expectSame(String(x))),
      { numRuns: 5000 },
    );
    fc.assert(fc.property(numberText, expectSame), { numRuns: 2000 });
  });

  it("equal Number() bit for bit in 15 to 25 digits with any exponent", () => {
    const digits = fc.stringMatching(/^\d{1,25}$/);
    const exponent = fc.option(fc.integer({ min: -80, max: 40 }), { nil: undefined });
    const decimal = fc.tuple(fc.constantFrom("", "-", "+"), digits, fc.nat(25), exponent);
    fc.assert(
      fc.property(decimal, ([sign, all, point, e]) => {
        const text = `${all.slice(0, point)}${point < all.length ? "." : ""}${all.slice(point)}`;
        expectSame(`${sign}${text}${e === undefined ? "" : `e${e}`}`);
      }),
      { numRuns: 10_000 },
    );
  });

  it("are rounded to even halfway between two doubles", () => {
    const halfway = fc.tuple(
      fc.bigInt({ min: 2n ** 52n, max: 2n ** 53n - 1n }),
      fc.integer({ min: 0, max: 6 }),
      fc.constantFrom(-1n, 0n, 1n),
    );
    fc.assert(
      fc.property(halfway, ([mantissa, shift, nudge]) => {
        // (mantissa + 1/2) × 2^(shift + 1) has all its digits written out.
        expectSame(String(((2n * mantissa + 1n) << BigInt(shift)) + nudge));
        expectSame(`${(2n * mantissa + 1n) * 5n ** BigInt(shift + 1)}e-${shift + 1}`);
      }),
      { numRuns: 5000 },
    );
  });

  it.each([
    ["0", 0],
    ["-0", -0],
    ["007", 7],
    ["+5", 5],
    [".5", 0.5],
    ["5.", 5],
    ["1e-400", 0],
    ["-1e-400", -0],
    ["0e999999999999", 0],
    ["9007199254740993", 9007199254740992],
    ["9007199254740993.00000000000000000000001", 9007199254740994],
    ["1000000000000000000", 1e18],
    [`0.${"0".repeat(400)}1`, 0],
    [`${"0".repeat(400)}1`, 1],
    [`1${"0".repeat(400)}e-400`, 1],
    ["2.2250738585072014e-308", 2.2250738585072014e-308],
  ])("%s", (text, expected) => expect(parse(text)).toBe(expected));

  it.each([
    "",
    "-",
    ".",
    "-.",
    "e5",
    "1e",
    "1e+",
    "1.2.3",
    "1,2",
    " 1",
    "1 ",
    "0x10",
    "1_000",
    "--1",
    "one",
    "nano",
    "٣",
  ])("%j is not a number", (text) => expect(parse(Buffer.from(text).toString("latin1"))).toBe(Number.NaN));

  it.each([
    "NaN",
    "nan",
    "inf",
    "-Infinity",
    "+INF",
    "1e999",
    "-1e999",
    "1e19",
    "1000000000000000001e1",
    "1e99999999999",
  ])("%s is out of range", (text) => expect(parse(text)).toBe(Number.POSITIVE_INFINITY));
});

describe("UTF-8", () => {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  const isUtf8 = (bytes: Uint8Array) => kernel.isUtf8(put(bytes), room + bytes.length) !== 0;
  const expected = (bytes: Uint8Array) => {
    try {
      decoder.decode(bytes);
      return true;
    } catch {
      return false;
    }
  };

  it("is validated like TextDecoder", () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 6, min: 0x70 }),
      fc.string({ unit: anyCharacter, maxLength: 40 }).map((text) => new TextEncoder().encode(text)),
      fc.tuple(fc.string({ unit: anyCharacter, maxLength: 40 }), fc.nat(100), fc.nat(255)).map(([text, at, byte]) => {
        const encoded = new TextEncoder().encode(text);
        encoded[at % (encoded.length + 1)] = byte;
        return encoded;
      }),
    );
    fc.assert(
      fc.property(bytes, (value) => {
        put(Buffer.alloc(8, 0x80), room + value.length);
        expect(isUtf8(value)).toBe(expected(value));
      }),
      { numRuns: 5000 },
    );
  });

  it("is checked for every second and third byte after every lead byte", () => {
    for (let lead = 0x80; lead < 0x100; lead++) {
      for (let second = 0x70; second < 0x100; second++) {
        for (const rest of [[], [0x80], [0xbf, 0x80], [0x80, 0xc0], [0x7f]]) {
          const bytes = Uint8Array.from([lead, second, ...rest]);
          if (isUtf8(bytes) !== expected(bytes)) throw new Error(Buffer.from(bytes).toString("hex"));
        }
      }
    }
  });
});
