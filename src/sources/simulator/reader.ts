import { type Reader, SIMULATED_ROW_BYTES } from "../reader.js";
import { Unread } from "../unread.js";
import { Simulator } from "./simulator.js";
import { ImpressionWriter, MAX_ROW_BYTES, type SimulatorFormat } from "./writer.js";

const CHUNK = 1 << 16;

/** Reads simulated rows as if from a file; rows are generated on demand. */
export class SimulatedReader implements Reader {
  private readonly simulator: Simulator;
  private readonly writer: ImpressionWriter;
  private readonly chunk = new Uint8Array(CHUNK);
  private readonly rest = new Unread();
  private rowsLeft: number;
  consumed = 0;

  constructor(rows: number, seed: number, format: SimulatorFormat) {
    this.rowsLeft = rows;
    this.simulator = new Simulator(seed);
    this.writer = new ImpressionWriter(format);
  }

  read(target: Uint8Array): number {
    if (this.rest.isEmpty) this.refill();
    return this.rest.read(target);
  }

  private refill(): void {
    let end = 0;
    for (; this.rowsLeft > 0 && end <= CHUNK - MAX_ROW_BYTES; this.rowsLeft--) {
      this.consumed += SIMULATED_ROW_BYTES;
      this.simulator.next();
      end = this.writer.write(this.simulator.row, this.chunk, end);
    }
    this.rest.refill(this.chunk.subarray(0, end));
  }

  close(): void {}
}
