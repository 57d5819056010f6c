import { describe, expect, it } from "vitest";
import { CopyMemory } from "../../src/checkpoints/copy-memory.js";

const MIB = 1 << 20;

describe("CopyMemory", () => {
  it("reuses a returned piece for another copy that fits", () => {
    const memory = new CopyMemory();
    const first = memory.take(3 * MIB);
    memory.give([first.buffer]);
    const second = memory.take(5 * MIB);
    expect(second.byteLength).toBe(5 * MIB);
    expect(second.buffer).toBe(first.buffer);
    expect(memory.take(5 * MIB).buffer).not.toBe(first.buffer);
  });

  it("allocates nothing for an empty copy, and keeps no large one", () => {
    const memory = new CopyMemory();
    const [empty, large] = [memory.take(0), memory.take(40 * MIB)];
    expect([empty.buffer.byteLength, large.buffer.byteLength]).toEqual([0, 40 * MIB]);
    memory.give([empty.buffer, large.buffer]);
    expect(memory.take(40 * MIB).buffer).not.toBe(large.buffer);
    expect(memory.take(4 * MIB).buffer.byteLength).toBe(8 * MIB);
  });

  it("keeps at most sixteen pieces", () => {
    const memory = new CopyMemory();
    const pieces = Array.from({ length: 20 }, () => memory.take(MIB).buffer);
    memory.give(pieces.slice(0, 10));
    memory.give(pieces.slice(10));
    const again = Array.from({ length: 20 }, () => memory.take(MIB).buffer);
    expect(again.filter((buffer) => pieces.includes(buffer))).toHaveLength(16);
  });
});
