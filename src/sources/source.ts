import { HashbrookError } from "../core/errors.js";
import { changed, fingerprint, verifyFingerprint } from "./files/fingerprint.js";
import { inputsOf } from "./files/inputs.js";
import type { Input, Reader } from "./reader.js";

/** A place in a source: right before a row. */
export interface SourcePosition {
  /** Completed passes over the whole list; only `bytesRead` needs it. Default 0. */
  readonly epoch?: number;
  /** Index in the source's list of files. */
  readonly file: number;
  /** Bytes of the file's decompressed content before it. */
  readonly offset: number;
  /** Lines of the file before it; 0 in the middle of a file: unknown. */
  readonly row: number;
}

export interface SourceFile {
  /** As given (a pattern is replaced by the paths it matches). */
  readonly name: string;
  /** Size on disk, null for pipes and the simulator. */
  readonly bytes: number | null;
}

/**
 * Bytes from a list of files, in order. Files are never joined: the end of each is reported, so a last line
 * without a newline stays a line of its own. Every method throws HashbrookError, naming the file: `source_missing`,
 * `source_unreadable`, `source_changed`.
 */
export interface ByteSource {
  readonly files: readonly SourceFile[];
  /** Index of the file being read. */
  readonly file: number;
  /** Size on disk of all files (SIMULATED_ROW_BYTES per simulated row), times the epochs; null if one is unknown. */
  readonly totalBytes: number | null;
  /** Bytes consumed, in the units of `totalBytes` (compressed bytes for .gz and .zst). */
  readonly bytesRead: number;
  /** Identities of the files up to the current one, for a checkpoint and for `verify`. */
  readonly fingerprints: readonly string[];
  /** Checks that the files of a checkpoint still exist and begin as they did. Call before `open`. */
  verify(fingerprints: readonly string[]): Promise<void>;
  /** Goes to a position: the first `read` starts there. Also goes back to the start for another epoch. */
  open(position: SourcePosition): Promise<void>;
  /** Reads what is available into `target` (any memory, WebAssembly's too), at least 1 byte; 0 = end of the file. */
  read(target: Uint8Array): Promise<number>;
  /** Goes to the next file; false when there is none. */
  nextFile(): Promise<boolean>;
  close(): Promise<void>;
}

export interface SourceOptions {
  /** Folder that relative paths start from. Default: the current one. */
  readonly folder?: string;
  /** Passes that will be made, for `totalBytes`. Default 1. */
  readonly epochs?: number;
}

/**
 * Opens a list of data arguments as one stream of bytes: paths, patterns (`*`, `?`, `[a-z]`, `**`; matches sorted by
 * path), `-` for standard input, `simulate:ROWS[:SEED[:tsv|json]]`. Files ending in .gz or .zst are decompressed. Files
 * are looked up by this call and opened by `open`.
 * @throws HashbrookError source_missing, source_unreadable, usage
 */
export function openSource(specs: readonly string[], options: SourceOptions = {}): ByteSource {
  return sourceOf(inputsFor(specs, options), options);
}

/** The inputs that a list of data arguments names, in reading order. @throws as `openSource` */
export function inputsFor(specs: readonly string[], options: SourceOptions = {}): Input[] {
  const inputs = specs.flatMap((spec) => inputsOf(spec, options.folder ?? "."));
  if (inputs.length === 0)
    throw new HashbrookError("usage", "no data given", { hint: "--data FILE..., or - for stdin" });
  const { epochs = 1 } = options;
  const once = inputs.find(({ repeatable }) => !repeatable);
  if (once && (epochs > 1 || inputs.filter(({ name }) => name === once.name).length > 1)) {
    throw new HashbrookError("usage", `${once.name}: a pipe can be read only once`, {
      hint: "name it once, with one epoch",
    });
  }
  return inputs;
}

/** Inputs as one stream of bytes. */
export function sourceOf(inputs: readonly Input[], { epochs = 1 }: SourceOptions = {}): ByteSource {
  return new InputList(inputs, epochs);
}

function extentOf({ extent, bytes }: Input): number | null {
  return extent ?? bytes;
}

class InputList implements ByteSource {
  readonly files: readonly SourceFile[];
  readonly totalBytes: number | null;
  file = 0;
  fingerprints: string[] = [];
  private readonly inputs: readonly Input[];
  private reader: Reader | undefined;
  private epoch = 0;

  constructor(inputs: readonly Input[], epochs: number) {
    this.inputs = inputs;
    this.files = inputs.map(({ name, bytes }) => ({ name, bytes }));
    this.totalBytes = inputs.some((input) => extentOf(input) === null)
      ? null
      : epochs * this.bytesBefore(inputs.length);
  }

  get bytesRead(): number {
    const before = this.epoch * this.bytesBefore(this.inputs.length) + this.bytesBefore(this.file);
    return before + (this.reader?.consumed ?? 0);
  }

  async verify(fingerprints: readonly string[]): Promise<void> {
    for (const [i, expected] of fingerprints.entries()) {
      if (i >= this.inputs.length)
        throw changed(`the checkpoint was made with ${fingerprints.length} input files, but ${i} are given`);
      await verifyFingerprint(this.inputs[i], expected);
    }
    this.fingerprints = [...fingerprints];
  }

  async open(position: SourcePosition): Promise<void> {
    if (position.file >= this.inputs.length)
      throw changed(`input file ${position.file + 1}, at which training continues, is not given`);
    await this.close();
    this.epoch = position.epoch ?? 0;
    for (let file = this.fingerprints.length; file < position.file; file++) await this.identify(file);
    await this.openFile(position.file, position.offset, position.row);
  }

  async read(target: Uint8Array): Promise<number> {
    if (!this.reader) throw new HashbrookError("internal", "read before open");
    return this.reader.read(target);
  }

  async nextFile(): Promise<boolean> {
    if (this.file + 1 >= this.inputs.length) return false;
    await this.close();
    await this.openFile(this.file + 1, 0, 0);
    return true;
  }

  async close(): Promise<void> {
    this.reader?.close();
    this.reader = undefined;
  }

  private async openFile(file: number, offset: number, row: number): Promise<void> {
    this.file = file;
    if (file === this.fingerprints.length) await this.identify(file);
    this.reader = await this.inputs[file].open(offset, row);
  }

  private async identify(file: number): Promise<void> {
    this.fingerprints[file] = await fingerprint(this.inputs[file]);
  }

  private bytesBefore(file: number): number {
    return this.inputs.slice(0, file).reduce((sum, input) => sum + (extentOf(input) ?? 0), 0);
  }
}
