import { describe, expect, it } from "vitest";
import { decodePart, encodePart } from "../../src/delta-log/entry.js";
import { openFrames, sealFrame } from "../../src/delta-log/frame.js";
import { fromHalf, precisions, toHalf } from "../../src/delta-log/precision.js";
import fc from "../properties.js";
import { facts, states } from "./samples.js";

const runs = { numRuns: 60 };
const damagedOr = expect.objectContaining({ code: expect.stringMatching(/^log_damaged$/) });

describe("an entry's part", () => {
  it("survives a round trip, with the same bytes for the same content", () => {
    fc.assert(
      fc.property(facts, states, (header, state) => {
        const bytes = encodePart(header, state);
        expect(encodePart(header, state)).toEqual(bytes);
        const { checksum, ...found } = decodePart(bytes);
        expect(found).toEqual({ ...header, state });
        // A pooled Buffer at an address without alignment, as a client delivers it.
        const pooled = Buffer.concat([Uint8Array.of(1, 2, 3), bytes, Uint8Array.of(4)]).subarray(3, 3 + bytes.length);
        expect(decodePart(pooled).state).toEqual(state);
        expect(checksum).toMatch(/^[0-9a-f]{16}$/);
      }),
      runs,
    );
  });

  it("is refused if any byte differs or is missing", () => {
    const [header, state] = [
      fc.sample(facts, { numRuns: 1, seed: 3 })[0],
      fc.sample(states, { numRuns: 1, seed: 3 })[0],
    ];
    const bytes = encodePart(header, state);
    for (let at = 0; at < bytes.length; at++) {
      const wrong = bytes.slice();
      wrong[at] ^= 1 << (at & 7);
      expect(() => decodePart(wrong), `byte ${at}`).toThrow(damagedOr);
      expect(() => decodePart(bytes.subarray(0, at)), `${at} bytes`).toThrow(damagedOr);
    }
    expect(() => decodePart(Uint8Array.of(...bytes, 0))).toThrow(damagedOr);
  });

  it("stores f16 weights to 11 bits, int8 and int4 weights to half a step of their row, and never NaN", () => {
    fc.assert(
      fc.property(facts, states, (header, state) => {
        for (const precision of ["f16", "int8", "int4"] as const) {
          const steps = precision === "int4" ? 7 : 127;
          const found = decodePart(encodePart({ ...header, precision }, state)).state;
          expect(found.dense).toEqual(state.dense);
          state.tables.forEach(({ weights, dim, keys }, t) => {
            const { weights: rough, ...rest } = found.tables[t];
            expect(rest.keys).toEqual(keys);
            weights.forEach((w, i) => {
              const row = weights.subarray(i - (i % dim), i - (i % dim) + dim);
              const most = row.reduce((sum, x) => Math.max(sum, Math.abs(x)), 0);
              const clamped = Math.max(-65504, Math.min(65504, w));
              const bound =
                precision === "f16"
                  ? Math.max(Math.abs(clamped) * 2 ** -11, 2 ** -25)
                  : (most / steps) * 0.501 + 2 ** -148 * steps;
              const aim = precision === "f16" ? clamped : w;
              if (!(Math.abs(rough[i] - aim) <= bound)) throw new Error(`${precision}: ${w} became ${rough[i]}`);
            });
          });
        }
      }),
      runs,
    );
  });

  it("contains no NaN and no infinity, for any weights", () => {
    const weights = Float32Array.of(Number.NaN, 1, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY);
    const rows = { name: "t", dim: 4, keys: BigUint64Array.of(1n), removed: new BigUint64Array(), weights };
    const [header] = fc.sample(facts, { numRuns: 1, seed: 3 });
    for (const precision of precisions) {
      const state = { tables: [rows], dense: [{ name: "d", at: 0, data: weights }], statistics: null };
      const { tables, dense } = decodePart(encodePart({ ...header, precision }, state)).state;
      for (const w of [...tables[0].weights, ...dense[0].data]) expect(w, precision).toSatisfy(Number.isFinite);
    }
  });

  it("rounds every f16 to itself, and values in between to the nearest", () => {
    for (let half = 0; half < 0x7c00; half++) {
      const x = fromHalf(half);
      if (toHalf(x) !== half || toHalf(-x) !== (half | 0x8000)) throw new Error(`f16 ${half}`);
      const next = fromHalf(half + 1);
      if (half === 0x7bff) break;
      if (toHalf(x + (next - x) * 0.49) !== half || toHalf(x + (next - x) * 0.51) !== half + 1)
        throw new Error(`f16 ${half}`);
      if (toHalf((x + next) / 2) !== half + (half & 1)) throw new Error(`tie after f16 ${half}`);
    }
  });

  it("reports that a newer Hashbrook wrote it", async () => {
    const { xxh64 } = await import("../../src/kernels/hash.js");
    const bytes = encodePart(fc.sample(facts, 1)[0], fc.sample(states, 1)[0]);
    const view = new DataView(bytes.buffer);
    view.setUint32(8, 2, true);
    view.setBigUint64(bytes.length - 8, xxh64(bytes.subarray(0, -8)), true);
    expect(() => decodePart(bytes)).toThrow(expect.objectContaining({ code: "log_mismatch" }));
  });
});

describe("frames", () => {
  const frames = [
    { epoch: 3, sent: 1.5, body: Uint8Array.of(1, 2, 3) },
    { epoch: 2 ** 52, sent: 1e12, body: new Uint8Array() },
  ];
  const bytes = Buffer.concat(frames.map(sealFrame));

  it("are split as they were joined", () => {
    expect([...openFrames(bytes)].map((frame) => ({ ...frame, body: Uint8Array.from(frame.body) }))).toEqual(frames);
  });

  it("are refused if a byte of an envelope differs or is missing", () => {
    const one = sealFrame(frames[0]);
    for (let at = 0; at < 32; at++) {
      const wrong = one.slice();
      wrong[at] ^= 16;
      expect(() => [...openFrames(wrong)], `byte ${at}`).toThrow(damagedOr);
    }
    for (let size = 1; size < one.length; size++)
      expect(() => [...openFrames(one.subarray(0, size))]).toThrow(damagedOr);
  });
});
