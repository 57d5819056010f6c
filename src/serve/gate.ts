/** i32 places in a gate's memory: the writer's flag, how often something changed, how often anything moved, and one for every reader. */
const WRITER = 0;
const CHANGES = 1;
const MOVES = 2;
const READERS = 3;
/** Bytes before the i32 places: f64, how much was learned. */
const HEAD = 8;
/** A reader that is gone is looked for so often. */
const LOOK_MS = 100;

/**
 * Lets several threads read what one changes: a change waits until nobody reads, and nobody reads while there is one. Both take
 * next to nothing where the other is not there.
 */
export class Gate {
  /** To be handed to other threads. */
  readonly memory: SharedArrayBuffer;
  private readonly places: Int32Array;
  private readonly learned: Float64Array;
  private readonly place: number;
  private inside = false;

  /** A gate's memory for so many readers. */
  static memoryFor(readers: number): SharedArrayBuffer {
    return new SharedArrayBuffer(HEAD + 4 * (READERS + readers));
  }

  /** @param reader the number of the reader that this is for; the writer has none */
  constructor(memory: SharedArrayBuffer, reader = 0) {
    this.memory = memory;
    this.learned = new Float64Array(memory, 0, 1);
    this.places = new Int32Array(memory, HEAD);
    this.place = READERS + reader;
  }

  /** Examples learned by what is read. */
  get examples(): number {
    return this.learned[0];
  }

  /** Another number after every change. */
  get changes(): number {
    return this.places[CHANGES];
  }

  /** Another number after every change, and where what is read lies elsewhere than before. */
  get moves(): number {
    return this.places[MOVES];
  }

  /** Nothing changes from now on until `leave`. */
  enter(): void {
    const { places, place } = this;
    this.inside = true;
    for (;;) {
      Atomics.store(places, place, 1);
      if (Atomics.load(places, WRITER) === 0) return;
      this.open();
      Atomics.wait(places, WRITER, 1);
    }
  }

  /** Where it is inside. */
  leave(): void {
    if (this.inside) this.open();
    this.inside = false;
  }

  /** Lets a reader's place go: of this one, or of a thread that has ended. */
  open(place = this.place): void {
    Atomics.store(this.places, place, 0);
    Atomics.notify(this.places, place);
  }

  /** `open` for a reader that has ended. */
  forget(reader: number): void {
    this.open(READERS + reader);
  }

  /** What `read` gives, for who is no reader; undefined where something changed meanwhile. */
  peek<T>(read: () => T): T | undefined {
    const { changes, places } = this;
    try {
      const value = Atomics.load(places, WRITER) === 0 ? read() : undefined;
      return Atomics.load(places, WRITER) === 0 && this.changes === changes ? value : undefined;
    } catch {
      return undefined;
    }
  }

  /** Changes something while nobody reads. */
  change(step: () => void, examples: number): void {
    this.move(() => {
      step();
      this.learned[0] = examples;
      this.places[CHANGES]++;
    });
  }

  /** Does something while nobody reads that readers have to hear of, though they see no change. */
  move(step: () => void): void {
    this.close(() => {
      step();
      this.places[MOVES]++;
    });
  }

  /** Does something while nobody reads, of which nobody needs to hear. */
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
