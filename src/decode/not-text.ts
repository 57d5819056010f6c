import { HashbrookError } from "../core/errors.js";

/** First bytes of other kinds of files, with which no UTF-8 text of columns or JSON begins. */
const beginnings: readonly (readonly [bytes: string, what: string, hint: string])[] = [
  ["1f8b08", "gzip", "name it .gz, or decompress it: zcat FILE | npx hashbrook train --data - ..."],
  ["28b52ffd", "zstd", "name it .zst, or decompress it: zstd -dc FILE | npx hashbrook train --data - ..."],
  ["04224d18", "lz4", "decompress it: lz4 -dc FILE | npx hashbrook train --data - ..."],
  ["425a6839314159265359", "bzip2", "decompress it: bzcat FILE | npx hashbrook train --data - ..."],
  ["fd377a585a00", "xz", "decompress it: xzcat FILE | npx hashbrook train --data - ..."],
  ["504b0304", "a zip archive, or a spreadsheet", "give the files in it, or save the sheet as CSV"],
  ["5041523115", "Parquet", "name it .parquet"],
  ["4f626a01", "Avro", "name it .avro"],
  ["4152524f57310000", "Arrow", "name it .arrow"],
  ["fffe", "text in UTF-16", "convert it: iconv -f UTF-16 -t UTF-8 FILE | npx hashbrook train --data - ..."],
  ["feff", "text in UTF-16", "convert it: iconv -f UTF-16 -t UTF-8 FILE | npx hashbrook train --data - ..."],
];

/** Bytes at a file's beginning that identify its kind. */
export const TELLING_BYTES = 10;

/** The error for a file that is not lines of text, whatever its name; undefined if it may be. */
export function notText(first: Uint8Array): HashbrookError | undefined {
  const hex = Buffer.from(first).toString("hex");
  const found = beginnings.find(([bytes]) => hex.startsWith(bytes));
  return (
    found && new HashbrookError("source_unreadable", `the file is ${found[1]}, not lines of text`, { hint: found[2] })
  );
}
