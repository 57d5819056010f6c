/** i32 fields in a gate's memory: the writer's flag, the number of changes, the number of moves, and one field per reader. */
const WRITER = 0;
const CHANGES = 1;
const MOVES = 2;
const READERS = 3;
/** Bytes before the i32 fields: f64, the examples learned. */
const HEAD = 8;
/** How often to check whether a reader is gone. */
const LOOK_MS = 100;

/**
 * Lets several threads read what one thread changes: a change waits until there is no reader, and readers wait during a change.
 * Uncontended, both take next to no time.
 */
export class Gate {
  /** To be passed to other threads. */
  readonly memory: SharedArrayBuffer;
  private readonly places: Int32Array;
  private readonly learned: Float64Array;
  private readonly place: number;
  private inside = false;

  /** Allocates a gate's memory for a number of readers. */
  static memoryFor(readers: number): SharedArrayBuffer {
    return new SharedArrayBuffer(HEAD + 4 * (READERS + readers));
  }

  /** @param reader this reader's number; the writer has none */
  constructor(memory: SharedArrayBuffer, reader = 0) {
    this.memory = memory;
    this.learned = new Float64Array(memory, 0, 1);
    this.places = new Int32Array(memory, HEAD);
    this.place = READERS + reader;
  }

  /** Examples learned by the model that is read. */
  get examples(): number {
    return this.learned[0];
  }

  /** Increases with every change. */
  get changes(): number {
    return this.places[CHANGES];
  }

  /** Increases with every change, and when data moved in memory. */
  get moves(): number {
    return this.places[MOVES];
  }

  /** A reader would have to wait. */
  get closed(): boolean {
    return Atomics.load(this.places, WRITER) !== 0;
  }

  /** Waits for a change in progress, then blocks changes until `leave`. */
  enter(): void {
    while (!this.tryEnter()) Atomics.wait(this.places, WRITER, 1);
  }

  /** Blocks changes until `leave`. @returns false, without blocking any, if one is in progress */
  tryEnter(): boolean {
    const { places, place } = this;
    Atomics.store(places, place, 1);
    this.inside = Atomics.load(places, WRITER) === 0;
    if (!this.inside) this.open();
    return this.inside;
  }

  /** Whether this reader is inside. */
  leave(): void {
    if (this.inside) this.open();
    this.inside = false;
  }

  /** Releases a reader's field: this one's, or that of a thread that has ended. */
  open(place = this.place): void {
    Atomics.store(this.places, place, 0);
    Atomics.notify(this.places, place);
  }

  /** `open` for a reader that has ended. */
  forget(reader: number): void {
    this.open(READERS + reader);
  }

  /** The result of `read` for a caller that is not a registered reader; undefined if something changed meanwhile. */
  peek<T>(read: () => T): T | undefined {
    const { changes, places } = this;
    try {
      const value = Atomics.load(places, WRITER) === 0 ? read() : undefined;
      return Atomics.load(places, WRITER) === 0 && this.changes === changes ? value : undefined;
    } catch {
      return undefined;
    }
  }

  /** Runs a change while there is no reader. */
  change(step: () => void, examples: number): void {
    this.move(() => {
      step();
      this.learned[0] = examples;
      this.places[CHANGES]++;
    });
  }

  /** Moves data while there is no reader. Readers must be notified, though the values do not change. */
  move(step: () => void): void {
    this.close(() => {
      step();
      this.places[MOVES]++;
    });
  }

  /** Runs a step while there is no reader, without notifying readers. */
  close(step: () => void): void {
    const { places } = this;
    Atomics.store(places, WRITER, 1);
    try {
      for (let place = READERS; place < places.length; place++) {
        while (Atomics.load(places, place) !== 0) Atomics.wait(places, place, 1, LOOK_MS);
      }
      step();
    } finally {
      Atomics.store(places, WRITER, 0);
      Atomics.notify(places, WRITER);
    }
  }
}
