import { dirname, join } from "node:path";
import { HashbrookError } from "../core/errors.js";
import { type Files, nodeFiles, readFully, withFile, writeError, writeFully } from "../core/files.js";
import { hex64 } from "../core/hash.js";
import { xxh64 } from "../kernels/hash.js";

/** The format of ledgers written by this version. */
export const LEDGER_VERSION = 1;
export const LEDGER_FILE = "ledger.jsonl";

/**
 * A line of a ledger: its kind, its number, and the members of that kind. Only `timing` differs between two runs of the same
 * question.
 */
export interface LedgerRow {
  readonly row: number;
  readonly kind: string;
  readonly timing?: Readonly<Record<string, number>>;
  readonly [member: string]: unknown;
}

/** A row before it gets its number. */
export type NewRow = Omit<LedgerRow, "row">;

/**
 * An experiment's rows on disk: one JSON object per line, with a checksum, each durable before `append` returns. A line that a
 * kill cut short is dropped when the file is opened again.
 */
export class Ledger {
  readonly path: string;
  private readonly files: Files;
  private readonly all: LedgerRow[] = [];
  private bytes = 0;

  /**
   * Opens a directory's ledger, or an empty one.
   * @throws HashbrookError ledger_damaged; ledger_mismatch if another version wrote it
   */
  constructor(directory: string, files: Files = nodeFiles) {
    this.path = join(directory, LEDGER_FILE);
    this.files = files;
    this.read();
  }

  get rows(): readonly LedgerRow[] {
    return this.all;
  }

  /** Rows of a kind. */
  of(kind: string): readonly LedgerRow[] {
    return this.all.filter((row) => row.kind === kind);
  }

  /** Appends rows together: after a crash all of them exist, except for a torn last one, which is dropped. */
  append(...rows: readonly NewRow[]): void {
    const numbered = rows.map((row, i) => ({ row: this.all.length + i, ...row }) as LedgerRow);
    const text = numbered.map(lineOf).join("");
    try {
      if (this.bytes === 0) this.files.mkdir(dirname(this.path));
      withFile(this.files, this.path, this.bytes === 0 ? "w" : "r+", (file) => {
        this.bytes = writeFully(this.files, file, Buffer.from(text), this.bytes);
        this.files.fsync(file);
      });
      this.files.syncDirectory(dirname(this.path));
    } catch (error) {
      throw writeError(this.path, error);
    }
    this.all.push(...numbered);
  }

  /** Drops the rows from number `count` on. */
  truncate(count: number): void {
    if (count >= this.all.length) return;
    this.all.length = count;
    this.bytes = Buffer.byteLength(this.all.map(lineOf).join(""));
    withFile(this.files, this.path, "r+", (file) => {
      this.files.truncate(file, this.bytes);
      this.files.fsync(file);
    });
  }

  private read(): void {
    const text = this.text();
    const lines = text.split("\n");
    const torn = lines.pop() !== "";
    lines.forEach((line, i) => {
      const row = rowOf(line, i);
      if (row === null) {
        if (i === lines.length - 1 && !torn && i > 0) return;
        throw new HashbrookError(
          "ledger_damaged",
          `${this.path}:${i + 1}: damaged: the line does not match its checksum`,
          {
            hint: "restore the file from a backup, or start over with another --out",
          },
        );
      }
      if (i === 0) this.checkVersion(row);
      this.all.push(row);
    });
    this.bytes = Buffer.byteLength(this.all.map(lineOf).join(""));
    if (this.bytes < Buffer.byteLength(text))
      withFile(this.files, this.path, "r+", (file) => this.files.truncate(file, this.bytes));
  }

  private text(): string {
    const stat = this.files.stat(this.path);
    if (!stat) return "";
    const data = new Uint8Array(stat.bytes);
    withFile(this.files, this.path, "r", (file) => readFully(this.files, file, data, 0));
    return Buffer.from(data).toString();
  }

  private checkVersion({ version }: LedgerRow): void {
    if (version === LEDGER_VERSION) return;
    throw new HashbrookError(
      "ledger_mismatch",
      `${this.path}: has version ${String(version)}, this program writes version ${LEDGER_VERSION}`,
      {
        hint: "continue with the program version that wrote it, or start over with another --out; the file is unchanged",
      },
    );
  }
}

function lineOf(row: LedgerRow): string {
  const text = JSON.stringify(row);
  return `${text.slice(0, -1)},"checksum":"${checksum(text)}"}\n`;
}

/** The row of a line; null if the line is invalid. */
function rowOf(line: string, number: number): LedgerRow | null {
  const match = /^(.*),"checksum":"([0-9a-f]{16})"\}$/.exec(line);
  if (!match || checksum(`${match[1]}}`) !== match[2]) return null;
  const row = JSON.parse(`${match[1]}}`) as LedgerRow;
  return row.row === number ? row : null;
}

const checksum = (text: string): string => hex64(xxh64(text));
