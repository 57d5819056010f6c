import { nodeFiles, withFile } from "../core/files.js";
import { ColumnMemory } from "../kernels/column.js";
import type { EventCache } from "./cache.js";
import { type Section, sectionAt } from "./columns.js";
import type { BlockPlace } from "./manifest.js";
import { eventsFile } from "./names.js";
import { notesIn } from "./notes.js";

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
  const { bytes, rows, offset } = block;
  const base = memory.take(bytes);
  withFile(nodeFiles, eventsFile(cache.directory), "r", (file) =>
    cache.readBlock(file, block, memory.bytes(base, bytes), () => memory.hash(base, bytes)),
  );
  const view = new DataView(memory.memory.buffer);
  const sections: Section[] = [];
  for (let address = base; address < base + bytes; address = sections.at(-1)!.end)
    sections.push(sectionAt(view, address, 4));
  const [advance, , , , notes] = sections.slice(-LAST_SECTIONS);
  const { rejects } = notesIn(memory, notes);
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
