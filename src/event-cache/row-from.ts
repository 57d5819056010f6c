import { inflateRawSync } from "node:zlib";
import { nodeFiles, readFully, withFile } from "../core/files.js";
import { hex64 } from "../core/hash.js";
import { ColumnMemory } from "../kernels/column.js";
import { damagedBlock, type EventCache } from "./cache.js";
import { type Section, sectionAt } from "./columns.js";
import type { BlockPlace } from "./manifest.js";
import { eventsFile } from "./names.js";
import type { Notes } from "./packer.js";

/** Number of a block's last sections, starting with the advances of its rows. */
const LAST_SECTIONS = 6;

/** Where the first row of a cached file begins at or after a byte; null: there is none. @throws cache_damaged */
export function rowFrom(cache: EventCache, file: number, byte: number): number | null {
  const blocks = cache.blocksOf(file);
  const content = cache.manifest.files[file].offset;
  const last = blocks.findLastIndex(({ offset }) => offset < byte);
  for (const block of blocks.slice(Math.max(0, last))) {
    const place = endsOf(cache, block).find((end) => end >= byte);
    if (place !== undefined) return place < content ? place : null;
  }
  return null;
}

/** The ends of a block's rows, malformed ones included, in order. */
function endsOf(cache: EventCache, block: BlockPlace): number[] {
  const memory = new ColumnMemory({ shared: false });
  const { bytes, at, number, checksum, rows, offset } = block;
  const base = memory.take(bytes);
  const path = eventsFile(cache.directory);
  withFile(nodeFiles, path, "r", (handle) => readFully(nodeFiles, handle, memory.bytes(base, bytes), at));
  if (hex64(memory.hash(base, bytes)) !== checksum) throw damagedBlock(path, number, at, bytes);
  const view = new DataView(memory.memory.buffer);
  const sections: Section[] = [];
  for (let address = base; address < base + bytes; address = sections.at(-1)!.end)
    sections.push(sectionAt(view, address, 4));
  const [advance, , , , notes] = sections.slice(-LAST_SECTIONS);
  const json = inflateRawSync(memory.bytes(notes.values, notes.count).slice()).toString();
  const { rejects } = JSON.parse(json) as Notes;
  return [...rejects.map(({ end }) => end.offset), ...advances(memory, advance, rows, offset)].sort((a, b) => a - b);
}

function* advances(memory: ColumnMemory, { codec, values, codes }: Section, rows: number, start: number) {
  const struct = memory.take(64);
  memory.writeColumns(struct, [{ codec, values, codes, width: 4, to: 0, stride: 4 }]);
  for (let row = 0, end = start; row < rows; row++) {
    end += memory.kernel.sum(struct, row, 1);
    yield end;
  }
}
