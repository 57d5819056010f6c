import { HashbrookError } from "../core/errors.js";
import { tooShort } from "./failure.js";
import { type Input, type Reader, skip } from "./reader.js";
import { ImpressionWriter, MAX_ROW_BYTES, type SimulatorFormat } from "./simulator/writer.js";
import { Simulator } from "./simulator.js";

const CHUNK = 1 << 16;

/** The simulator read as if it were a file: rows are made as they are asked for. */
class SimulatedReader implements Reader {
  readonly #simulator: Simulator;
  readonly #writer: ImpressionWriter;
  readonly #chunk = new Uint8Array(CHUNK);
  #rest = this.#chunk.subarray(0, 0);
  #rowsLeft: number;
  consumed = 0;

  constructor(rows: number, seed: number, format: SimulatorFormat) {
    this.#rowsLeft = rows;
    this.#simulator = new Simulator(seed);
    this.#writer = new ImpressionWriter(format);
  }

  read(target: Uint8Array): number {
    if (this.#rest.length === 0) this.#refill();
    const count = Math.min(target.length, this.#rest.length);
    target.set(this.#rest.subarray(0, count));
    this.#rest = this.#rest.subarray(count);
    this.consumed += count;
    return count;
  }

  #refill(): void {
    let end = 0;
    for (; this.#rowsLeft > 0 && end <= CHUNK - MAX_ROW_BYTES; this.#rowsLeft--) {
      this.#simulator.next();
      end = this.#writer.write(this.#simulator.row, this.#chunk, end);
    }
    this.#rest = this.#chunk.subarray(0, end);
  }

  close(): void {}
}

/** The input `simulate:ROWS[:SEED[:FORMAT]]` stands for; SEED (32 bits) is 1, FORMAT tsv by default. Throws `usage`. */
export function simulatedInput(name: string): Input {
  const match = /^simulate:(\d[\d_]*)(?::(\d+)(?::(tsv|json))?)?$/.exec(name);
  if (!match || Number(match[2] ?? 0) > 0xffffffff) {
    throw new HashbrookError("usage", `${name}: not a simulated source`, {
      hint: "simulate:ROWS[:SEED[:tsv|json]], for example simulate:2_000_000:7:json",
    });
  }
  const rows = Number(match[1].replaceAll("_", ""));
  const seed = Number(match[2] ?? 1);
  const format = (match[3] ?? "tsv") as SimulatorFormat;
  const open = async (offset: number) => {
    const reader = new SimulatedReader(rows, seed, format);
    const skipped = await skip(reader, offset);
    if (skipped < offset) throw tooShort(name, offset, skipped);
    return reader;
  };
  return { name, id: `simulate:${seed}:${format}`, bytes: null, repeatable: true, open };
}
