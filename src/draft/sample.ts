import { HashbrookError } from "../core/errors.js";
import { inFile } from "../decode/in-file.js";
import { notText, TELLING_BYTES } from "../decode/not-text.js";
import { openSource } from "../sources/source.js";

/** The most bytes read, whatever the length of the lines. */
const MOST_BYTES = 64 << 20;
const CHUNK = 1 << 20;

/** The beginning of the data. */
export interface Sample {
  /** The file that was read, as given. */
  readonly file: string;
  /** Lines that are not blank, without line breaks and without a byte order mark. */
  readonly lines: readonly string[];
  /** True if the data end with these lines. */
  readonly whole: boolean;
}

/**
 * Reads the first lines of the first file that has any. Compressed files are decompressed; rows of Parquet, Arrow and
 * Avro files become lines of JSON.
 * @param most the largest number of lines
 * @throws HashbrookError source_missing, source_unreadable, usage
 */
export async function firstLines(data: readonly string[], most: number): Promise<Sample> {
  const source = openSource(data);
  await source.open({ file: 0, offset: 0, row: 0 });
  try {
    for (;;) {
      const file = source.files[source.file].name;
      const { lines, ended } = await linesOf(file, (target) => source.read(target), most);
      const last = source.file + 1 === source.files.length;
      if (lines.length > 0) return { file, lines, whole: ended && last };
      if (!(await source.nextFile())) throw empty(data);
    }
  } finally {
    await source.close();
  }
}

async function linesOf(
  file: string,
  read: (target: Uint8Array) => Promise<number>,
  most: number,
): Promise<{ lines: string[]; ended: boolean }> {
  const chunks: Uint8Array[] = [];
  let breaks = 0;
  let bytes = 0;
  let ended = false;
  while (breaks <= most && bytes < MOST_BYTES) {
    const chunk = new Uint8Array(CHUNK);
    const count = await read(chunk);
    ended = count === 0;
    if (ended) break;
    chunks.push(chunk.subarray(0, count));
    bytes += count;
    for (let i = 0; i < count; i++) if (chunk[i] === 10) breaks++;
  }
  const all = Buffer.concat(chunks);
  inFile(file, () => {
    const foreign = notText(all.subarray(0, TELLING_BYTES));
    if (foreign) throw foreign;
  });
  if (breaks === 0 && all.includes(13)) throw carriageReturns(file);
  const lines = new TextDecoder().decode(all).split(/\r?\n/);
  if (!ended) lines.pop(); // truncated
  const filled = lines.filter((line) => line.trim() !== "");
  return { lines: filled.slice(0, most), ended: ended && filled.length <= most };
}

function carriageReturns(file: string): HashbrookError {
  return new HashbrookError("source_unreadable", `${file}: its lines end in carriage returns alone`, {
    hint: "convert it: tr '\\r' '\\n' < FILE > FILE.txt",
  });
}

function empty(data: readonly string[]): HashbrookError {
  return new HashbrookError("source_unreadable", `${data.join(", ")}: no lines found`, {
    hint: "give files that contain events",
  });
}
