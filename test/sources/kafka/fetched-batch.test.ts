import { expect, it } from "vitest";
import { type AbortedTransaction, committed } from "../../../src/sources/kafka/fetched-batch.js";
import type { RecordBatchMessage } from "../../../src/sources/kafka/record-batch.js";
import { gather } from "../../../src/sources/messages.js";
import fc from "../../properties.js";

/** What producers do, one step each: write a batch inside or outside of a transaction, commit or abort it. */
interface Step {
  readonly producer: number;
  readonly what: "write" | "plain" | "commit" | "abort";
  readonly records: number;
}

const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.record({
    producer: fc.nat(3),
    what: fc.constantFrom("write", "write", "write", "plain", "commit", "abort"),
    records: fc.integer({ min: 1, max: 5 }),
  }),
  { maxLength: 40 },
);

interface Log {
  readonly batches: RecordBatchMessage[];
  /** Offsets of batches that a read_committed consumer must see. */
  readonly visible: Set<string>;
  /** Where each aborted transaction begins and ends, in the order of the ends, as a broker lists them. */
  readonly aborted: (AbortedTransaction & { last: number })[];
}

/** A partition as a broker would write it; transactions that are still open at the end are not read, and not in it. */
function logOf(steps: readonly Step[]): Log {
  const batches: RecordBatchMessage[] = [];
  const visible = new Set<string>();
  const aborted: Log["aborted"] = [];
  const open = new Map<number, { first: number; offsets: string[] }>();
  let end = 0;
  const append = (producer: number, records: number, inTransaction: boolean, marker: "commit" | "abort" | null) => {
    end += records;
    const offset = String(end - 1);
    const key = marker && Buffer.from([0, 0, 0, marker === "commit" ? 1 : 0]);
    const batchContext = { producerId: String(producer), inTransaction };
    batches.push({ offset, records: gather([]), damage: null, key, isControlRecord: marker !== null, batchContext });
    return offset;
  };
  const all = [...steps, ...[0, 1, 2, 3].map((producer) => ({ producer, what: "commit" as const, records: 1 }))];
  for (const { producer, what, records } of all) {
    const transaction = open.get(producer);
    if (what === "write") {
      const first = end;
      const offset = append(producer, records, true, null);
      if (transaction) transaction.offsets.push(offset);
      else open.set(producer, { first, offsets: [offset] });
    } else if (what === "plain") {
      if (!transaction) visible.add(append(producer, records, false, null));
    } else if (transaction) {
      open.delete(producer);
      append(producer, 1, true, what);
      if (what === "commit") for (const offset of transaction.offsets) visible.add(offset);
      else aborted.push({ producerId: String(producer), firstOffset: String(transaction.first), last: end - 1 });
    }
  }
  return { batches, visible, aborted };
}

it("never returns events of aborted transactions, however these overlap and wherever reading starts", () => {
  fc.assert(
    fc.property(steps, (steps) => {
      const { batches, visible, aborted } = logOf(steps);
      batches.forEach((_, from) => {
        const fetched = batches.slice(from);
        // A broker names the aborted transactions that reach into what it sends.
        const named = aborted.filter(({ last }) => last >= Number(fetched[0].offset));
        const wanted = fetched.map(({ offset }) => offset).filter((offset) => visible.has(offset));
        expect(committed(fetched, named).map(({ offset }) => offset)).toEqual(wanted);
      });
    }),
  );
});
