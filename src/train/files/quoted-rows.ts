import { Decoder } from "../../decode/decoder.js";
import { inFile } from "../../decode/in-file.js";
import { lineFrom, readFrom } from "../../sources/files/cut.js";
import type { Input } from "../../sources/reader.js";
import type { CompiledSpec } from "../../spec/compiled.js";

const CAPACITY = 4096;
const QUOTE = 34;

/**
 * A csv input in which a row is found as the decoder finds it: a newline in quotes does not end one. Only reading from
 * the start tells; the rows before it are decoded if there is a quote in them.
 */
export function withQuotedRows(input: Input, spec: CompiledSpec): Input {
  const rowFrom = async (byte: number) => {
    const line = await lineFrom(input, byte);
    return (await hasQuote(input, line ?? Number.POSITIVE_INFINITY)) ? firstRow(input, spec, byte) : line;
  };
  return input.rowFrom ? input : { ...input, rowFrom };
}

/** Whether there is a quote before byte `end`. */
async function hasQuote(input: Input, end: number): Promise<boolean> {
  let at = 0;
  let found = false;
  await readFrom(input, 0, (piece) => {
    found = piece.subarray(0, Math.max(0, end - at)).includes(QUOTE);
    at += piece.length;
    return found || at >= end;
  });
  return found;
}

/** Where the first row at or after a byte begins, or the input ends; null: it ends before that. */
async function firstRow(input: Input, spec: CompiledSpec, byte: number): Promise<number | null> {
  const decoder = new Decoder(spec, { capacity: CAPACITY, marks: true, distinct: false, watch: false });
  const reader = await input.open(0);
  try {
    for (let count = -1; count !== 0; ) {
      count = await reader.read(decoder.room());
      if (count > 0) decoder.commit(count);
      else decoder.endFile();
      for (let full = true; full; ) {
        full = inFile(input.name, () => decoder.scan() === "full");
        const { ends, rejects } = decoder.take().marks!;
        const end = Math.min(...[...ends, ...rejects.map((reject) => reject.end.offset)].filter((at) => at >= byte));
        if (end < Number.POSITIVE_INFINITY) return end;
      }
    }
    return null;
  } finally {
    reader.close();
  }
}
