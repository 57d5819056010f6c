/** Maximum nesting of a schema's columns. */
const MAX_DEPTH = 64;
const BIG_ENDIAN = 1;
const SCHEMA = 1;
const DICTIONARY = 2;
const RECORD_BATCH = 3;
/** Bytes of a reference to a table; of a block, a node or a buffer; of a count. */
const REFERENCE = 4;
const BLOCK = 24;
const PAIR = 16;
const COUNT = 8;

/**
 * Checks Arrow's metadata before apache-arrow reads them: it takes the length of any list as it is, so a damaged one
 * keeps it busy for ever, and it reads big-endian columns as if they were little-endian. Notes the lengths that are
 * read, and with them recognises what is a message, and what the footer.
 */
export class MetadataCheck {
  private announced = 0;
  private at = 0;

  /** Call after every read of the file. @throws Error for metadata that are damaged, or cannot be read */
  read(bytes: Uint8Array, position: number): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const announced = this.announced;
    const at = this.at;
    this.announced = bytes.length === 4 ? view.getInt32(0, true) : 0;
    this.at = position;
    if (announced <= 4 || bytes.length !== announced) return;
    if (position === at + 4) checkMessage(rootOf(view));
    if (position + announced === at) checkFooter(rootOf(view));
  }
}

/** A table of a flatbuffer. Reading beyond the bytes is a RangeError. */
class Table {
  readonly view: DataView;
  readonly at: number;

  constructor(view: DataView, at: number) {
    this.view = view;
    this.at = at;
  }

  /** The position of a field's value; undefined if the table does not have it. */
  private field(index: number): number | undefined {
    const fields = this.at - this.view.getInt32(this.at, true);
    const slot = 4 + 2 * index;
    const offset = slot < this.view.getUint16(fields, true) ? this.view.getUint16(fields + slot, true) : 0;
    return offset === 0 ? undefined : this.at + offset;
  }

  /** An enumeration's value. */
  number(index: number): number {
    const at = this.field(index);
    return at === undefined ? 0 : this.view.getUint8(at);
  }

  table(index: number): Table | undefined {
    const at = this.field(index);
    return at === undefined ? undefined : referenced(this.view, at);
  }

  /** The positions of a list's items. @param bytes of an item @throws Error if there is no room for so many */
  list(index: number, bytes: number): number[] {
    const { view } = this;
    const at = this.field(index);
    if (at === undefined) return [];
    const start = at + view.getUint32(at, true) + 4;
    const length = view.getUint32(start - 4, true);
    if (start + length * bytes > view.byteLength)
      throw new Error(`a list of ${length} items is longer than the metadata`);
    return Array.from({ length }, (_, i) => start + i * bytes);
  }
}

const referenced = (view: DataView, at: number): Table => new Table(view, at + view.getUint32(at, true));
const rootOf = (view: DataView): Table => referenced(view, 0);

function checkFooter(footer: Table): void {
  for (const blocks of [2, 3]) footer.list(blocks, BLOCK);
  footer.list(4, REFERENCE);
  checkSchema(footer.table(1));
}

function checkMessage(message: Table): void {
  message.list(4, REFERENCE);
  const kind = message.number(1);
  const header = message.table(2);
  if (kind === SCHEMA) checkSchema(header);
  if (kind === DICTIONARY) checkBatch(header?.table(1));
  if (kind === RECORD_BATCH) checkBatch(header);
}

function checkBatch(batch: Table | undefined): void {
  for (const pairs of [1, 2]) batch?.list(pairs, PAIR);
  batch?.list(4, COUNT);
}

function checkSchema(schema: Table | undefined): void {
  if (schema?.number(0) === BIG_ENDIAN)
    throw new Error("its numbers are big-endian: write it on a little-endian machine");
  schema?.list(2, REFERENCE);
  if (schema) checkFields(schema, 1, MAX_DEPTH);
}

/** @param list the number of the table's list of fields */
function checkFields(table: Table, list: number, depth: number): void {
  if (depth === 0) throw new Error(`columns are nested more than ${MAX_DEPTH} deep`);
  for (const at of table.list(list, REFERENCE)) {
    const field = referenced(table.view, at);
    field.list(6, REFERENCE);
    checkFields(field, 5, depth - 1);
  }
}
