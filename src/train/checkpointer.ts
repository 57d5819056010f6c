import type { ChangedRows, Increment } from "../checkpoints/chain-writer.js";
import type { CheckpointContent, GivenFiles } from "../checkpoints/checkpoint.js";
import type { ParentRef } from "../checkpoints/manifest.js";
import type { CheckpointStore, Saved } from "../checkpoints/store.js";
import { WriterThread } from "../checkpoints/writer-thread.js";
import type { Clock } from "../core/clock.js";
import { HashbrookError } from "../core/errors.js";
import type { ChangeReader } from "../tables/change-feed.js";
import type { RowStore } from "../tables/table.js";

type Elsewhere = () => Promise<GivenFiles | null>;

export interface CheckpointerOptions {
  /** Locked, if the run's directory must be exclusive. */
  readonly store: CheckpointStore;
  /** The stores of all tables, in order: increments save their changed rows. */
  readonly stores: readonly RowStore[];
  readonly clock: Clock;
  /** Seconds between checkpoints; 0: not by time. The first ones come sooner, unless `patient`. */
  readonly seconds: number;
  /**
   * Number of examples between checkpoints; null: not by examples. With neither, there is only the final one, by
   * `finish`.
   */
  readonly every: number | null;
  /** Checkpoints to keep. */
  readonly keep: number;
  /** The checkpoint the run was resumed from; null: none. */
  readonly resumed: ParentRef | null;
  /** Examples learned so far. */
  readonly examples: number;
  /** Size of changed rows, in bytes, at which they are copied, so that no copy takes long. Default 4 MiB. */
  readonly mostChangedBytes?: number;
  /**
   * The first save is a full one, written synchronously, and rows are tracked only from then on: cheaper for runs that
   * need not continue learning meanwhile. Default false.
   */
  readonly patient?: boolean;
  /**
   * For blocks held by other processes: their files at each save; all checkpoints are then full and synchronous. null:
   * not available now. Default: all blocks are here.
   */
  readonly elsewhere?: Elsewhere | undefined;
  /** Called for every checkpoint when it is durable, in order, with the meta it was saved with. */
  readonly onCommitted?: (meta: CheckpointContent["meta"], saved: Saved) => void;
}

const MOST_CHANGED_BYTES = 4 << 20;
/**
 * The first save by time comes this soon after something was learned, the next ones at intervals that double: so a
 * process that never lives long still makes progress.
 */
const EARLY_MS = 500;
/** Number of copies after which a save is due, whatever the time. */
const MOST_COPIES = 8;

/**
 * A run's checkpoints: during learning, increments, copied between two batches and written by a separate thread; at the
 * end a full one, whose bytes do not depend on the increments before it.
 */
export class Checkpointer {
  private readonly options: CheckpointerOptions;
  private readonly limit: number;
  private readonly periodic: boolean;
  /** For every store, if rows are tracked. */
  private changes: readonly ChangeReader[] | null = null;
  private parent: ParentRef | null;
  private background: WriterThread | null = null;
  private pending: CheckpointContent["meta"] | null = null;
  private taken: { examples: number; ms: number };
  /** Milliseconds until the next early save. */
  private earlyMs = 0;
  /** Examples when rows were last copied, and when the changed ones will next be counted. */
  private copied: number;
  private nextCount: number;
  /** Bytes of rows copied since the last save. */
  private ahead = 0;

  constructor(options: CheckpointerOptions) {
    this.options = options;
    this.limit = options.mostChangedBytes ?? MOST_CHANGED_BYTES;
    this.periodic = options.seconds > 0 || options.every !== null;
    this.taken = { examples: options.examples, ms: options.clock.now() };
    this.copied = options.examples;
    this.nextCount = options.examples;
    this.parent = options.resumed;
    if (this.periodic && !options.patient && !options.elsewhere) this.track();
  }

  /**
   * Whether to `save` now: enough time or examples have passed, or many rows have changed, and no save is in progress.
   * If many rows have changed, they are copied here for the next save, so that its own copy stays short.
   * @throws HashbrookError the failure of an earlier save: checkpoint_write, checkpoint_locked, checkpoint_damaged
   */
  due(examples: number): boolean {
    if (this.background) this.commit(this.background.poll());
    if (!this.periodic) return false;
    const busy = this.background?.busy === true;
    if (!busy && this.isTime(examples)) return true;
    const { changes } = this;
    if (!changes || !this.crowded(examples, changes)) return false;
    if (!busy && this.ahead >= (MOST_COPIES - 1) * this.limit) return true;
    // Copies take no more memory than the rows themselves, or than one save; changes beyond that wait for the next
    // save.
    if (this.ahead < Math.max(this.rowBytes, MOST_COPIES * this.limit)) this.copyAhead(examples, changes);
    return false;
  }

  private isTime(examples: number): boolean {
    const { every, seconds, clock, patient, elsewhere } = this.options;
    const learned = examples - this.taken.examples;
    if (every !== null && learned >= every) return true;
    const waited = clock.now() - this.taken.ms;
    const early = !patient && waited >= this.earlyMs && learned > 0;
    // Without examples an increment is small, but a checkpoint of several processes is a whole one.
    return seconds > 0 && (early || (waited >= seconds * 1000 && (learned > 0 || !elsewhere)));
  }

  /** Copies what has changed and hands it to the writer. `content` is the complete state of model and run, as views. */
  save(examples: number, content: CheckpointContent): void | Promise<void> {
    const { changes } = this;
    const { elsewhere } = this.options;
    if (elsewhere) return this.saveGiven(examples, content, elsewhere);
    if (!changes) {
      this.saveWhole(examples, content);
      return;
    }
    this.writer().save(this.increment(examples, content, changes));
    this.pending = content.meta;
    this.took(examples);
    this.ahead = 0;
  }

  /** Starts the interval to the next save. */
  private took(examples: number): void {
    // A run's start position is saved before anything is learned.
    if (examples > this.taken.examples) this.earlyMs = Math.max(EARLY_MS, 2 * this.earlyMs);
    this.taken = { examples, ms: this.options.clock.now() };
    this.countFrom(examples);
  }

  private async saveGiven(examples: number, content: CheckpointContent, elsewhere: Elsewhere): Promise<void> {
    const given = await elsewhere();
    if (given) this.saveWhole(examples, { ...content, given });
  }

  private writer(): WriterThread {
    const { store, keep } = this.options;
    this.background ??= new WriterThread({
      directory: store.directory,
      options: { keep, parent: this.parent, lock: store.lockPath ?? null },
    });
    return this.background;
  }

  private copyAhead(examples: number, changes: readonly ChangeReader[]): void {
    const rows = this.options.stores.map((store, i) => this.copy(store, changes[i]));
    this.ahead += rows.reduce((sum, { data }) => sum + data.byteLength, 0);
    this.writer().copyAhead(rows);
    this.countFrom(examples);
  }

  private countFrom(examples: number): void {
    this.copied = examples;
    this.nextCount = examples;
  }

  /** Saves, and waits until it is durable; does nothing if only the final checkpoint is written. @throws as `due` */
  async first(examples: number, content: CheckpointContent): Promise<void> {
    if (!this.periodic) return;
    if (this.background) this.commit(await this.background.settled());
    await this.save(examples, content);
    if (this.background) this.commit(await this.background.settled());
  }

  /** A full checkpoint, on which the increments build. */
  private saveWhole(examples: number, content: CheckpointContent): void {
    const { store, keep } = this.options;
    const saved = store.save(examples, content);
    store.prune(keep);
    this.parent = store.reference(saved.path);
    if (!this.options.elsewhere) this.track();
    this.pending = content.meta;
    this.commit(saved);
    this.took(examples);
  }

  private track(): void {
    this.changes = this.options.stores.map((store) => store.changes());
  }

  /**
   * Waits for a save in progress, ends the writer and saves a full checkpoint.
   * @throws as `due`; lanes_displaced if blocks held by other processes are no longer available
   */
  async finish(examples: number, content: CheckpointContent): Promise<Saved> {
    if (this.background) this.commit(await this.background.settled());
    await this.close();
    const { store, keep, elsewhere } = this.options;
    const given = await elsewhere?.();
    if (given === null) throw passedBy();
    const saved = store.save(examples, { ...content, ...(given && { given }) });
    store.prune(keep);
    this.pending = content.meta;
    this.commit(saved);
    return saved;
  }

  /** Ends the writer after the current write; also after an error. */
  async close(): Promise<void> {
    const { background } = this;
    this.background = null;
    await background?.stop();
  }

  private commit(saved: Saved | null): void {
    if (!saved || !this.pending) return;
    this.options.onCommitted?.(this.pending, saved);
    this.pending = null;
  }

  private get rowBytes(): number {
    return this.options.stores.reduce((sum, { rows, layout }) => sum + rows * layout.stride, 0);
  }

  /** Whether many rows have changed. They are counted now and then, more often the nearer the limit is. */
  private crowded(examples: number, changes: readonly ChangeReader[]): boolean {
    if (examples < this.nextCount) return false;
    const bytes = this.options.stores.reduce((sum, { layout }, i) => sum + changes[i].count * layout.stride, 0);
    if (bytes >= this.limit) return true;
    const seen = examples - this.copied;
    const left = (Math.max((this.limit - bytes) / 2, this.limit / 16) * seen) / Math.max(bytes, 1);
    this.nextCount = examples + Math.ceil(Math.min(left, seen));
    return false;
  }

  private increment(
    examples: number,
    { meta, blocks }: CheckpointContent,
    changes: readonly ChangeReader[],
  ): Increment {
    const copies = new Map(this.options.stores.map((store, i) => [store.rowsBlock, this.copy(store, changes[i])]));
    const whole = blocks.filter(({ name }) => !copies.has(name));
    const patched = blocks.filter(({ name }) => copies.has(name));
    return {
      examples,
      meta,
      blocks: whole.map((block) => ({ ...block, data: block.data.slice() })),
      patches: patched.map(({ name, dtype, shape }) => ({ dtype, shape, ...copies.get(name)! })),
    };
  }

  /** Copies a store's changed rows. */
  private copy(store: RowStore, changes: ChangeReader): ChangedRows {
    const rows = changes.take();
    const data = this.writer().memory.take(rows.length * store.layout.stride);
    return { name: store.rowsBlock, rows, data: store.readRows(rows, data) };
  }
}

function passedBy(): HashbrookError {
  return new HashbrookError(
    "lanes_displaced",
    "owners of shards have moved on to the next round, so no final checkpoint was written",
    {
      hint: "restart the run with --resume: it continues from the previous checkpoint",
    },
  );
}
